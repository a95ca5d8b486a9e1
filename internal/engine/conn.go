package engine

import (
	"bufio"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/gorilla/websocket"
)

const (
	// fragmentAllowance is how many bytes of the wire are granted besides a message's own:
	// for some thousands of fragments and control frames, not for millions.
	fragmentAllowance = 64 << 10
	// pongLimit is how many bytes of pongs wait for a client that pings on and on.
	pongLimit = 16 << 10
	// writePatience is how long a client may take to make room for the next write.
	writePatience = 45 * time.Second

	opClose  = 0x8
	frameFin = 0x80
)

// conn is one WebSocket connection of a session: the one that carries it, or one
// that probes whether it can.
//
// Reading is gorilla's, through [tap]; all that is written is frames of our own,
// and whole ones, so that nothing comes between.
type conn struct {
	// Static after construction.
	session  *Session
	net      net.Conn
	raw      syscall.RawConn // nil for what is not simply a socket, or is to be held
	pump     *pump
	encoding eio.Encoding

	// Owned by the reader.
	role   role
	broken bool          // reading failed, and not by what was read
	before [6]byte       // what was read before the window, and
	last   [6]byte       // the end of all that was read
	begun  bool          // a message was read
	quiet  bool          // and the last one lets expect no other soon
	window []byte        // what was last read into the buffer, where it is
	buffer *bufio.Reader // gorilla's
	ws     *websocket.Conn
	early  []byte     // read before the connection was taken over
	wire   int64      // bytes of the message under way, frame heads included
	budget int64      // what wire may grow to
	heads  *headGuard // nil without compression

	// Guarded by session.mu.
	control  []byte        // frames that do not wait for the queue: pongs, the answer to a probe
	farewell []byte        // the close frame, which goes after all
	idle     chan struct{} // closed when writing ends after closed; nil if nobody waits
	pending  int           // bytes of the queue that are being written
	writing  bool
	greeted  bool // the open packet has been written
	closed   bool // nothing is written any more
	heardBye bool // the client has sent a close frame

	// Owned by whoever writes.
	parting bool   // rest ends with the close frame
	rest    []byte // what the pump could not write
	flusher *spawn.Task
}

type role uint8

const (
	roleSession role = iota // it carries the session
	roleProbe
	roleRefused // it was answered for politeness, and is being closed
)

func newConn(s *Session, c net.Conn, early []byte) *conn {
	out := &conn{session: s, net: c, pump: s.server.nextPump(), early: early}
	out.raw = rawConn(c)
	return out
}

// hangUp lets the connection end after what is queued for it: with a close frame,
// and a limit to the time that this may take.
func (c *conn) hangUp(frame []byte) {
	c.setFarewell(frame)
	c.session.mu.Lock()
	start := c.beginLocked()
	c.session.mu.Unlock()
	// The reader drops what still comes, and closes the connection when the client
	// does or the time is up. That also ends a write that hangs.
	_ = c.net.SetReadDeadline(time.Now().Add(webSocketGrace))
	if start {
		c.start()
	}
}

// setFarewell decides about the close frame, unless that has been done.
func (c *conn) setFarewell(frame []byte) {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if c.farewell == nil {
		c.farewell = frame
	}
}

// said is the close frame that is or will be sent, nil while the connection is open.
func (c *conn) said() []byte {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.farewell
}

// close ends the connection at once.
func (c *conn) close() {
	c.session.mu.Lock()
	c.closed = true
	writing := c.writing
	c.session.mu.Unlock()
	if writing {
		_ = c.net.SetWriteDeadline(time.Unix(1, 0)) // closing a stream does not end a write
	}
	_ = c.net.Close()
}

// join waits until nobody writes to a closed connection any more.
func (c *conn) join() {
	s := c.session
	s.mu.Lock()
	if !c.writing {
		s.mu.Unlock()
		return
	}
	c.idle = make(chan struct{})
	idle := c.idle
	s.mu.Unlock()
	<-idle
}

// urgent queues a frame that goes out with the next write.
func (c *conn) urgent(frame []byte) {
	s := c.session
	s.mu.Lock()
	if c.closed || c.farewell != nil || len(c.control)+len(frame) > pongLimit {
		s.mu.Unlock()
		return
	}
	c.control = append(c.control, frame...)
	start := c.beginLocked()
	s.mu.Unlock()
	if start {
		c.start()
	}
}

// ping answers a ping frame. What it carries was limited by the frame's head.
func (c *conn) ping(data string) error {
	const opPong = 0xa
	c.urgent(append([]byte{frameFin | opPong, byte(len(data))}, data...))
	return nil
}

// closeFrame is a close frame with a status code, or without one for 0.
func closeFrame(code int) []byte {
	if code == 0 {
		return []byte{frameFin | opClose, 0}
	}
	return []byte{frameFin | opClose, 2, byte(code >> 8), byte(code)}
}

// tap is the connection as gorilla sees it. It counts what is read, and takes what
// gorilla would write: control frames go through the session's own writing.
type tap struct{ *conn }

func (t tap) Read(p []byte) (n int, err error) {
	c := t.conn
	if len(c.early) > 0 {
		n = copy(p, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
	} else {
		n, err = c.net.Read(p)
	}
	if c.heads != nil {
		c.heads.mark(p[:n])
	}
	if cap(p) <= readBuffer { // larger parts of messages bypass the buffer
		c.remember(p[:n])
	}
	c.broken = err != nil
	if c.wire += int64(n); c.wire > c.budget {
		return 0, errFragments
	}
	if n > 0 {
		c.session.heard.Store(c.session.server.now())
	}
	return n, err
}

// remember notes what was read into gorilla's buffer, and keeps a little of what was
// there before: the head of a frame whose rest comes later is overwritten.
func (c *conn) remember(p []byte) {
	if len(p) == 0 {
		return
	}
	c.window, c.before = p, c.last
	end := p[max(len(p)-len(c.last), 0):]
	kept := copy(c.last[:], c.last[len(end):])
	copy(c.last[kept:], end)
}

// back is the byte so many from the end of what was read.
func (c *conn) back(n int) byte {
	if n <= len(c.window) {
		return c.window[len(c.window)-n]
	}
	if n -= len(c.window); n <= len(c.before) {
		return c.before[len(c.before)-n]
	}
	return 0
}

// Write takes a frame that gorilla makes by itself: a close frame, when the client
// breaks the protocol. It also takes its answer to the handshake, which is given
// elsewhere.
func (t tap) Write(p []byte) (int, error) {
	if len(p) > 1 && p[0] == frameFin|opClose {
		t.setFarewell(slices.Clone(p))
	}
	return len(p), nil
}

func (t tap) Close() error                     { return nil } // it is not gorilla's to close
func (t tap) LocalAddr() net.Addr              { return t.net.LocalAddr() }
func (t tap) RemoteAddr() net.Addr             { return t.net.RemoteAddr() }
func (t tap) SetDeadline(time.Time) error      { return nil } // those are ours
func (t tap) SetReadDeadline(time.Time) error  { return nil }
func (t tap) SetWriteDeadline(time.Time) error { return nil }
