package engine

import (
	"net"
	"syscall"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

const (
	// pongLimit is how many bytes of pongs may wait for a client that pings on and on.
	// Further pongs are dropped.
	pongLimit = 16 << 10
	// keptControl is the capacity of an empty control buffer that is worth keeping.
	keptControl = 256
	// writeTimeout is how long a client may take to accept the next chunk.
	writeTimeout = 45 * time.Second
)

// outbound is the writing side of one WebSocket: of the one that carries its session, or
// of one that probes whether it can. It writes whole frames only, so that nothing comes
// between the bytes of a frame.
//
// It has no lock of its own. Session.mu guards it together with the queue that it takes
// from, so that a message is either in the queue or pending here, across an upgrade too.
// The lock is never held while writing: the goroutine that has set writing owns
// the connection's writing side, until it clears writing.
type outbound struct {
	// Static after construction.
	session  *Session
	net      net.Conn
	raw      syscall.RawConn // nil for a connection that a pump cannot write to
	encoding eio.Encoding
	ws       *webSocket // that it is a part of

	// session.mu guards the following.
	openSent     bool          // the open packet was taken to be written
	holdsReplies bool          // the reader writes replies when the receiver has returned
	writing      bool          // a pump or the flusher writes, or is about to
	stuck        bool          // a pump could not write everything, and the flusher does
	closed       bool          // nothing is written any more
	clientClosed bool          // the client has sent a close frame
	control      []byte        // frames that go before the queue: pongs, the reply to a probe
	closeFrame   []byte        // goes after the queue; nil while the connection is open
	pending      int           // bytes of the queue that are being written
	writingEnded chan struct{} // closed when writing ends after closed; nil if not awaited

	// Owned by the goroutine that writes.
	restIsLast bool         // rest ends with the close frame
	rest       []byte       // bytes that the pump could not write
	restOf     *eio.Message // whose own bytes rest is part of; nil for a copy
	deadline   time.Time    // of the writes, if the flusher has set one
}

// closeGracefully closes the connection after its queue and the given close frame are
// written. The client may take webSocketGrace for its close frame.
func (o *outbound) closeGracefully(frame []byte) {
	o.setCloseFrame(frame)
	o.session.mu.Lock()
	o.ws.idleness.graceEnd = o.session.server.now() + int64(webSocketGrace)
	start := o.beginWritingLocked()
	o.session.mu.Unlock()
	// The reader drops bytes that still come. It closes the connection when the client
	// does or the time is up, which also ends a write that hangs.
	_ = o.net.SetReadDeadline(time.Now().Add(webSocketGrace))
	o.ws.wakeReader()
	if start {
		o.startWriting()
	}
}

// setCloseFrame sets the close frame to be written, unless there is one.
func (o *outbound) setCloseFrame(frame []byte) {
	o.session.mu.Lock()
	defer o.session.mu.Unlock()
	if o.closeFrame == nil {
		o.closeFrame = frame
	}
}

// isClosing reports whether a close frame was or will be written.
func (o *outbound) isClosing() bool {
	o.session.mu.Lock()
	defer o.session.mu.Unlock()
	return o.closeFrame != nil
}

// closeNow closes the connection without writing the queue.
func (o *outbound) closeNow() {
	o.session.mu.Lock()
	o.closed = true
	writing := o.writing
	o.session.mu.Unlock()
	if writing {
		_ = o.net.SetWriteDeadline(pastDeadline) // closing a stream does not end a write
	}
	_ = o.net.Close()
	o.ws.wakeReader()
}

// awaitWritingEnd waits until nothing writes to the closed connection any more.
func (o *outbound) awaitWritingEnd() {
	s := o.session
	s.mu.Lock()
	if !o.writing {
		s.mu.Unlock()
		return
	}
	o.writingEnded = make(chan struct{})
	idle := o.writingEnded
	s.mu.Unlock()
	<-idle
}

// sendControl queues a frame that goes out with the next write, before all messages. It
// drops the frame if too many wait already, or if the connection is closing.
func (o *outbound) sendControl(frame []byte) {
	s := o.session
	s.mu.Lock()
	if o.closed || o.closeFrame != nil || len(o.control)+len(frame) > pongLimit {
		s.mu.Unlock()
		return
	}
	o.control = append(o.control, frame...)
	start := o.beginWritingLocked()
	s.mu.Unlock()
	if start {
		o.startWriting()
	}
}

// noteClientClose notes the client's close frame. It reports whether ours is out
// already, after which nothing is left to write.
func (o *outbound) noteClientClose() bool {
	o.session.mu.Lock()
	defer o.session.mu.Unlock()
	o.clientClosed = true
	return o.closed
}

// beginWritingLocked reports whether the caller has to call startWriting, after it
// has unlocked: writing is necessary, and does not go on already.
func (o *outbound) beginWritingLocked() bool {
	if o.writing || o.closed {
		return false
	}
	o.writing = true
	return true
}

// holdReplies keeps messages of [Session.SendReply] in the queue until writeReplies is
// called. The reader calls both, around each call of the receiver.
func (o *outbound) holdReplies() {
	if o.raw == nil {
		return
	}
	o.session.mu.Lock()
	o.holdsReplies = true
	o.session.mu.Unlock()
}

// writeReplies writes the messages that holdReplies has kept: in place, so that no pump has
// to be woken for a single reply. With more it leaves them to the pump: the client sent
// further messages, whose replies go out in the same write.
func (o *outbound) writeReplies(more bool) {
	if o.raw == nil {
		return
	}
	o.session.mu.Lock()
	o.holdsReplies = false
	write := len(o.session.queue.messages) > 0 && o.session.out == o && o.beginWritingLocked()
	o.session.mu.Unlock()
	switch {
	case !write:
	case more:
		o.startWriting()
	default:
		o.writeInPlace()
	}
}

// endWritingLocked gives the writing side up.
func (o *outbound) endWritingLocked() {
	o.writing, o.stuck = false, false
	if o.closed && o.writingEnded != nil {
		close(o.writingEnded)
		o.writingEnded = nil
	}
}

// startWriting writes the queue on another goroutine: a pump, or the flusher of a
// connection that a pump cannot write to.
func (o *outbound) startWriting() {
	if o.raw != nil {
		o.ws.pump.enqueue(o)
		return
	}
	o.startFlusher()
}

// failWriting closes a connection that cannot be written to. Its reader then fails, and
// closes the session.
func (o *outbound) failWriting() {
	o.session.mu.Lock()
	o.closed = true
	o.endWritingLocked()
	o.session.mu.Unlock()
	_ = o.net.Close()
	o.ws.wakeReader()
}

// finishWriting ends the writing after the close frame. It closes the connection only
// if the client has sent a close frame too. Closing it before would reset it under
// unread bytes of the client, and the client would not get our close frame.
func (o *outbound) finishWriting() {
	o.session.mu.Lock()
	o.closed = true
	clientClosed := o.clientClosed
	o.endWritingLocked()
	o.session.mu.Unlock()
	if clientClosed {
		_ = o.net.Close()
	} else if half, ok := o.net.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
