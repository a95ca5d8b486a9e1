package frames

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// gorillaConn is the connection as gorilla sees it. It passes the bytes of the wire
// on, counts and inspects them, and keeps the close frames that gorilla writes.
type gorillaConn struct{ reader *Reader }

// Read reads from the wire. It fails when the current message has used up its budget.
func (c gorillaConn) Read(p []byte) (int, error) {
	r := c.reader
	if r.lost != nil {
		return 0, r.lost
	}
	n, err := r.wire.Read(p)
	if r.heads != nil {
		r.heads.readHeads(p[:n])
	}
	if cap(p) <= bufferSize { // larger parts of a message bypass the buffer
		r.recent.note(p[:n])
	}
	r.lost = err
	if r.used += int64(n); r.used > r.budget {
		return 0, errFragments
	}
	return n, err
}

// Write keeps the close frame that gorilla writes when the client breaks the protocol.
// It drops gorilla's response to the handshake, which the caller of Init has sent.
func (c gorillaConn) Write(p []byte) (int, error) {
	if len(p) > 1 && p[0] == frameFin|opClose && c.reader.breach == nil {
		c.reader.breach = &Error{CloseFrame: slices.Clone(p)}
	}
	return len(p), nil
}

// The connection and its deadlines belong to the caller of Init, not to gorilla.

func (gorillaConn) Close() error                     { return nil }
func (gorillaConn) LocalAddr() net.Addr              { return nil }
func (gorillaConn) RemoteAddr() net.Addr             { return nil }
func (gorillaConn) SetDeadline(time.Time) error      { return nil }
func (gorillaConn) SetReadDeadline(time.Time) error  { return nil }
func (gorillaConn) SetWriteDeadline(time.Time) error { return nil }

var writeBuffers sync.Pool // for gorilla, which writes nothing that needs a buffer

// newGorilla makes a gorilla connection for a WebSocket whose handshake is complete.
// Gorilla makes one from an HTTP request only, so it gets a fixed one.
func newGorilla(r *Reader) (*websocket.Conn, error) {
	u := websocket.Upgrader{
		// Without a size of its own, gorilla reads through the buffer of the hijacker.
		ReadBufferSize: 0, WriteBufferSize: 1, WriteBufferPool: &writeBuffers,
		CheckOrigin: func(*http.Request) bool { return true }, // the engine has checked it
	}
	return u.Upgrade(hijackedResponse{r}, handshakeRequest, nil)
}

// handshakeRequest stands for the client's request. Gorilla reads its header only.
var handshakeRequest = &http.Request{Method: http.MethodGet, Header: http.Header{
	"Connection":            {"Upgrade"},
	"Upgrade":               {"websocket"},
	"Sec-Websocket-Version": {"13"},
	"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="}, // the reply to it is dropped
}}

// hijackedResponse is the response that gorilla takes the connection from. Gorilla
// writes to it for a refusal only, and handshakeRequest gives no reason for one.
type hijackedResponse struct{ reader *Reader }

func (hijackedResponse) Header() http.Header         { return http.Header{} }
func (hijackedResponse) Write(p []byte) (int, error) { return len(p), nil }
func (hijackedResponse) WriteHeader(int)             {}

// Hijack returns the Reader's wire and buffer.
func (h hijackedResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c := gorillaConn(h)
	return c, bufio.NewReadWriter(h.reader.buffer, bufio.NewWriterSize(c, 16)), nil
}
