package engine

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine/frames"
)

// lingerTime is how long a reader waits for the next message, and half of it at least.
// Then its connection is idle. A client that sends faster has the same reader all the time.
const lingerTime = 200 * time.Millisecond

// idleness is how a WebSocket waits without a goroutine. An idle one has no reader: a
// watcher starts the next one when bytes arrive.
type idleness struct {
	// Owned by the goroutine that reads.
	possible   bool  // a watcher can wait for bytes of the connection
	awaiting   bool  // the reader waits between two messages
	hasBytes   bool  // a watcher has seen bytes, which no reader has read yet
	deadlineAt int64 // when the read deadline of awaitBytes expires, of the session clock; 0 for none
	watch      watch

	// Session.mu guards the following.
	idle  bool // no goroutine reads
	woken bool // wakeReader was called while it was not idle yet
	// graceEnd is when the client must have closed, of the session clock. It is 0 while it
	// need not close.
	graceEnd int64
}

// awaitBytes waits for bytes of the next message. It reports true if there are none for a
// while, and the connection is not closing.
func (ws *webSocket) awaitBytes() (idle bool) {
	if !ws.idleness.hasBytes { // otherwise a heartbeat costs no deadline
		ws.extendDeadline()
	}
	ws.idleness.hasBytes, ws.idleness.awaiting = false, true
	idle = ws.in.AwaitBytes()
	ws.idleness.awaiting = false
	return idle
}

// extendDeadline sets the read deadline, unless enough of it is left: a client that sends
// often costs few calls. closeGracefully may set another one at any time, which readConn
// restores.
func (ws *webSocket) extendDeadline() {
	now := ws.out.session.heartbeat.lastPacket.Load() // a moment ago
	if ws.idleness.deadlineAt-now > int64(lingerTime)/2 || ws.out.isClosing() {
		return
	}
	ws.idleness.deadlineAt = now + int64(lingerTime)
	_ = ws.out.net.SetReadDeadline(time.Now().Add(lingerTime))
}

// readConn reads from the connection. The deadline of awaitBytes ends a read between two
// messages with frames.ErrIdle, and no other read.
func (ws *webSocket) readConn(p []byte) (n int, err error) {
	for {
		n, err = ws.readSocket(p)
		if n > 0 || err == nil || !ws.idleness.possible || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		closing, left := ws.out.graceLeft()
		switch {
		case closing && left <= 0:
			return 0, err
		case closing:
			_ = ws.out.net.SetReadDeadline(time.Now().Add(left))
		case ws.idleness.awaiting:
			return 0, frames.ErrIdle
		default:
			ws.clearDeadline()
		}
	}
}

// readSocket reads from the connection once.
func (ws *webSocket) readSocket(p []byte) (n int, err error) {
	if ws.socket == nil {
		return ws.out.net.Read(p)
	}
	return ws.socket.read(ws.out.raw, p)
}

// clearDeadline removes the read deadline, unless the connection is closing.
func (ws *webSocket) clearDeadline() {
	_ = ws.out.net.SetReadDeadline(time.Time{})
	ws.idleness.deadlineAt = 0
	if closing, left := ws.out.graceLeft(); closing {
		_ = ws.out.net.SetReadDeadline(time.Now().Add(left)) // a close at the same time has set it before
	}
}

// graceLeft returns how long the client may still take to close, if it must.
func (o *outbound) graceLeft() (closing bool, left time.Duration) {
	o.session.mu.Lock()
	defer o.session.mu.Unlock()
	return o.ws.idleness.graceEnd != 0, time.Duration(o.ws.idleness.graceEnd - o.session.server.now())
}

// becomeIdle ends the reading until a watcher calls wakeReader. The caller's goroutine ends.
// An idle connection has no goroutine, whose stack would be a third of its memory, and no
// buffer.
func (ws *webSocket) becomeIdle() {
	ws.in.Release()
	ws.in, ws.mayGoIdle, ws.idleness.hasBytes = nil, false, true
	if ws.idleness.deadlineAt != 0 {
		ws.clearDeadline()
	}
	s := ws.out.session
	if !ws.watchBytes() {
		ws.idleness.possible = false
		ws.startReader()
		return
	}
	s.mu.Lock()
	if ws.idleness.woken || ws.out.closed || ws.idleness.graceEnd != 0 {
		ws.idleness.woken = false
		s.mu.Unlock()
		ws.unwatchBytes()
		ws.startReader()
		return
	}
	ws.idleness.idle = true
	s.mu.Unlock()
}

// wakeReader starts a reader if the connection is idle. A connection that is about to become
// idle gets one then.
func (ws *webSocket) wakeReader() {
	s := ws.out.session
	s.mu.Lock()
	idle := ws.idleness.idle
	ws.idleness.idle, ws.idleness.woken = false, !idle
	s.mu.Unlock()
	if idle {
		ws.unwatchBytes()
		ws.startReader()
	}
}

// descriptorOwner returns the connection whose descriptor shows that c has bytes to read: c
// itself, or the connection below TLS. It is nil if there is none.
func descriptorOwner(c net.Conn) net.Conn {
	if below, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = below.NetConn()
	}
	if rawConnOf(c) == nil {
		return nil
	}
	return c
}
