package engine

import (
	"compress/flate"
	"errors"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/gorilla/websocket"
)

// keptMessage is the capacity of a buffer that is worth keeping.
const keptMessage = 64 << 10

var messages = sync.Pool{New: func() any {
	b := make([]byte, 0, 4<<10)
	return &b
}}

func keepMessage(b *[]byte) {
	if cap(*b) <= keptMessage {
		messages.Put(b)
	}
}

// readOn goes on reading on a goroutine of its own, whose stack is small as yet.
func (c *conn) readOn() {
	spawn.Go(c.session.server.options.Log(), "websocket reader", c.read, c.readerBroke)
}

// readerBroke ends a connection whose reader panicked.
func (c *conn) readerBroke() {
	c.session.end(ReasonForced, ending{})
	c.close()
	c.session.server.countConn(-1)
}

// read takes what the client sends until the connection ends, and closes it, or
// until the client goes quiet: another goroutine goes on then, since the stack of this
// one has grown and would stay so.
func (c *conn) read() {
	c.await()
	if err := c.readAll(); err == errQuiet {
		c.readOn()
	} else {
		c.finish(err)
	}
}

// await waits until there is something to read. Gorilla could do that, but so deep
// down in its calls that the stack would grow for it; but it grows for the first
// message anyhow.
func (c *conn) await() {
	if c.begun && c.raw != nil && c.drained() {
		_ = c.raw.Read(readable) // reading tells of the error
	}
}

// drained reports whether all that was read from the connection has been taken.
func (c *conn) drained() bool { return c.buffer.Buffered() == 0 && len(c.early) == 0 }

// finish ends the reading for an error, and with it the connection.
func (c *conn) finish(err error) {
	frame, reason := c.verdict(err)
	c.setFarewell(frame)
	switch c.role {
	case roleSession:
		// What was queued before the close frame is still written before ours.
		c.session.end(reason, ending{flush: frame != nil})
	case roleProbe:
		c.session.dropProbe(c)
	}
	if frame != nil {
		// The client reads the close frame only if the connection is not reset
		// under it, which unread bytes would do.
		c.hangUp(frame)
		_, _ = io.Copy(io.Discard, c.net)
	}
	c.close()
	c.session.server.countConn(-1)
}

func (c *conn) readAll() error {
	for {
		c.startMessage()
		kind, r, err := c.ws.NextReader()
		if err != nil {
			return err
		}
		if err := c.readMessage(kind == websocket.BinaryMessage, r); err != nil {
			return err
		}
		if c.quiet && c.raw != nil && c.drained() {
			return errQuiet
		}
	}
}

// startMessage grants the bytes that the next message may take, which follows the
// route's limit of the moment.
func (c *conn) startMessage() {
	limit := c.session.route.config.Load().MaxPayload
	c.wire, c.budget, c.quiet = 0, 2*limit+fragmentAllowance, false
	c.ws.SetReadLimit(limit)
}

func (c *conn) readMessage(binary bool, r io.Reader) error {
	buf := messages.Get().(*[]byte)
	defer keepMessage(buf)
	data, err := c.fill((*buf)[:0], r, !binary)
	*buf = data
	if err != nil || c.said() != nil { // what still comes is dropped
		return err
	}
	s := c.session
	s.server.stats.packetsIn.Add(1)
	s.server.stats.bytesIn.Add(uint64(len(data)))
	p, err := eio.Parse(data, binary, s.handshake.Version)
	if err != nil {
		return err
	}
	// Many clients only listen once they are in, heartbeats apart.
	c.quiet = !c.begun || p.Type != eio.TypeMessage
	c.begun = true
	if c.role == roleProbe {
		return c.takeProbe(p)
	}
	if err := s.take(p); err != nil && err != errOver {
		return err
	}
	return nil
}

// fill reads a message to its end, in which the payload is limited as it comes out
// of decompression, and text is checked as it comes in.
func (c *conn) fill(buf []byte, r io.Reader, text bool) ([]byte, error) {
	limit := int(c.session.route.config.Load().MaxPayload)
	valid := 0 // bytes of text that have been checked
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if len(buf) > limit {
			return buf, errTooBig
		}
		if text {
			checked, ok := checkText(buf[valid:], err == io.EOF)
			if !ok {
				return buf, errUTF8
			}
			valid += checked
		}
		switch err {
		case nil:
		case io.EOF:
			return buf, nil
		default:
			return buf, err
		}
	}
}

// checkText returns how much of the text is checked for good, which leaves a rune at
// its end that is not complete. It reports false for what cannot become UTF-8.
func checkText(text []byte, end bool) (checked int, ok bool) {
	if utf8.Valid(text) {
		return len(text), true
	}
	if end {
		return 0, false
	}
	tail := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if utf8.RuneStart(text[len(text)-i]) {
			tail = len(text) - i
			break
		}
	}
	if !utf8.Valid(text[:tail]) || utf8.FullRune(text[tail:]) {
		return 0, false
	}
	return tail, true
}

// verdict is the close frame, if one is still to be sent, and the reason that an
// error ends things for. A session that has ended before keeps its reason.
func (c *conn) verdict(err error) (frame []byte, reason string) {
	if errors.Is(err, errTooBig) || errors.Is(err, websocket.ErrReadLimit) {
		c.session.server.stats.tooLarge.Add(1)
	}
	if c.broken {
		return nil, ReasonTransportClose
	}
	if e, ok := errors.AsType[*websocket.CloseError](err); ok {
		if c.noteBye() {
			return nil, ReasonTransportClose
		}
		return closeFrame(c.replyCode(e.Code)), ReasonTransportClose
	}
	if frame := c.said(); frame != nil {
		return frame, ReasonTransportError // gorilla has found a breach of the protocol
	}
	switch {
	case errors.Is(err, errUTF8), isInflate(err):
		return closeFrame(websocket.CloseInvalidFramePayloadData), ReasonTransportError
	case errors.Is(err, errTooBig), errors.Is(err, websocket.ErrReadLimit): // a size that no integer holds
		return closeFrame(websocket.CloseMessageTooBig), ReasonTransportError
	case errors.Is(err, errFragments):
		return closeFrame(websocket.ClosePolicyViolation), ReasonTransportError
	case errors.Is(err, errHeartbeat), errors.Is(err, errProbe):
		return closeFrame(0), ReasonTransportError
	case errors.Is(err, errClosePacket):
		return closeFrame(0), ReasonTransportClose
	}
	return closeFrame(0), ReasonParseError // the packet, or what it says to the receiver
}

func isInflate(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt || errors.Is(err, io.ErrUnexpectedEOF)
}

// noteBye notes the client's close frame and reports whether ours is out already.
func (c *conn) noteBye() bool {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.heardBye = true
	return c.closed
}

// replyCode is the status that a close frame is answered with: its own, none for
// none. A single byte is not a status; gorilla lets it pass as none, but what was
// read can still be looked at.
func (c *conn) replyCode(code int) int {
	if code != websocket.CloseNoStatusReceived {
		return code
	}
	const size = 2 + 4 + 1 // head, mask and the byte
	head := c.buffer.Buffered() + size
	if c.back(head) == frameFin|opClose && c.back(head-1) == 0x80|1 {
		return websocket.CloseProtocolError
	}
	return 0
}
