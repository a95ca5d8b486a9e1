package frames

import "github.com/gorilla/websocket"

const (
	opClose = 0x8
	opPong  = 0xa
)

// PolicyViolation is the status of close frames for clients that exceed a limit other than
// the size of a message.
const PolicyViolation = websocket.ClosePolicyViolation

// CloseFrame returns a server's close frame with a status, or without one for 0.
func CloseFrame(status int) []byte {
	if status == 0 {
		return []byte{frameFin | opClose, 0}
	}
	return []byte{frameFin | opClose, 2, byte(status >> 8), byte(status)}
}

// pongFrame returns the pong that replies to a ping with this payload. The payload
// has 125 bytes at most: gorilla has checked the head of the ping.
func pongFrame(payload string) []byte {
	return append([]byte{frameFin | opPong, byte(len(payload))}, payload...)
}

// replyStatus returns the status that a close frame with this code is replied with: the
// same, or 0 if the client sent none. A payload of a single byte is a protocol error, but
// gorilla reports it as no status; the bytes read from the wire tell the two apart.
func (r *Reader) replyStatus(code int) int {
	if code != websocket.CloseNoStatusReceived {
		return code
	}
	const size = 2 + 4 + 1 // head, mask and the byte
	head := r.buffer.Buffered() + size
	if r.recent.byteFromEnd(head) == frameFin|opClose && r.recent.byteFromEnd(head-1) == frameMasked|1 {
		return websocket.CloseProtocolError
	}
	return 0
}

// recentBytes is the end of the bytes read from the wire. It reaches back far enough for
// the head of a frame of which the rest came with the latest read.
type recentBytes struct {
	window []byte  // the latest read, where it lies in gorilla's buffer
	before [6]byte // the bytes read before the window
	last   [6]byte // the last of all bytes read
}

// note notes p as the latest read, and keeps the bytes before it: gorilla's buffer
// overwrites the head of a frame of which the rest comes later.
func (b *recentBytes) note(p []byte) {
	if len(p) == 0 {
		return
	}
	b.window, b.before = p, b.last
	end := p[max(len(p)-len(b.last), 0):]
	kept := copy(b.last[:], b.last[len(end):])
	copy(b.last[kept:], end)
}

// byteFromEnd returns the byte at position n from the end of all bytes read, where 1
// is the last byte. It returns 0 for a byte that is not kept.
func (b *recentBytes) byteFromEnd(n int) byte {
	if n <= len(b.window) {
		return b.window[len(b.window)-n]
	}
	if n -= len(b.window); n <= len(b.before) {
		return b.before[len(b.before)-n]
	}
	return 0
}
