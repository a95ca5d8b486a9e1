package engine

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

const (
	// chunk is how many bytes of messages are joined in one write, and how much a
	// client has to take within writePatience.
	chunk = 64 << 10
	// shared is the size of a message whose bytes are written where they are: a copy
	// for each client would cost more than the joining saves.
	shared = 16 << 10
	// keptChunk is the capacity of a buffer that is worth keeping.
	keptChunk = 2 * chunk
)

// writer is what writing to connections needs, one after another.
type writer struct {
	buf      []byte
	messages []*eio.Message
	ahead    int    // messages that go before the frames: the open packet
	frames   []byte // go before the other messages
	farewell []byte // goes last
	last     bool   // there is a farewell
	lent     bool   // what render returned is the message's own bytes

	packets, bytes uint64 // written since they were counted
}

// take collects what is to be written next to a connection. It reports false when
// there is nothing: writing has ended then.
func (w *writer) take(c *conn) bool {
	clear(w.messages)
	w.messages, w.farewell, w.last = w.messages[:0], nil, false
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes = max(s.bytes-c.pending, 0)
	c.pending = 0
	if c.closed {
		c.stopLocked()
		return false
	}
	w.frames = append(w.frames[:0], c.control...)
	if c.control = c.control[:0]; cap(c.control) > 256 {
		c.control = nil
	}
	more := s.conn == c && w.takeMessagesLocked(c)
	w.ahead = 0
	if len(w.messages) > 0 && s.direct && !c.greeted {
		w.ahead, c.greeted = 1, true
	}
	if !more && c.farewell != nil {
		w.farewell, w.last = c.farewell, true
	}
	if len(w.messages)+len(w.frames)+len(w.farewell) == 0 {
		c.stopLocked()
		return false
	}
	return true
}

// takeMessagesLocked takes a chunk of the session's queue and reports whether there
// is more.
func (w *writer) takeMessagesLocked(c *conn) (more bool) {
	s := c.session
	n := 0
	for ; n < len(s.queue) && c.pending < chunk; n++ {
		c.pending += s.queue[n].Size() + perMessage
		w.packets += uint64(s.queue[n].Packets())
	}
	if n < len(s.queue) {
		w.messages = append(w.messages, s.queue[:n]...)
		left := copy(s.queue, s.queue[n:])
		clear(s.queue[left:])
		s.queue = s.queue[:left]
		return true
	}
	// The queues go around: the session gets an empty one for its full one.
	s.queue, w.messages = w.messages, s.queue
	if cap(s.queue) > keptQueue {
		s.queue = nil
	}
	return false
}

// render returns the bytes of what was taken, which are valid until the next call
// unless they are lent.
func (w *writer) render(enc eio.Encoding) []byte {
	if cap(w.buf) > keptChunk {
		w.buf = nil
	}
	w.lent = len(w.messages) == 1 && len(w.frames) == 0 && !w.last && w.messages[0].Size() >= shared
	if w.lent {
		data := w.messages[0].Bytes(enc)
		w.bytes += uint64(len(data))
		return data
	}
	data := w.buf[:0]
	for _, m := range w.messages[:w.ahead] {
		data = m.Append(data, enc)
	}
	data = append(data, w.frames...)
	for _, m := range w.messages[w.ahead:] {
		data = m.Append(data, enc)
	}
	w.buf = append(data, w.farewell...)
	w.bytes += uint64(len(w.buf))
	return w.buf
}

// count adds what was written to the server's counters.
func (w *writer) count(s *Server) {
	s.stats.packetsOut.Add(w.packets)
	s.stats.bytesOut.Add(w.bytes)
	w.packets, w.bytes = 0, 0
}

var writers = sync.Pool{New: func() any { return new(writer) }}

// beginLocked reports whether the caller has to start the writing that it wants.
func (c *conn) beginLocked() bool {
	if c.writing || c.closed {
		return false
	}
	c.writing = true
	return true
}

// stopLocked ends the writing.
func (c *conn) stopLocked() {
	c.writing = false
	if c.closed && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// start writes what is queued, on another goroutine.
func (c *conn) start() {
	if c.raw != nil {
		c.pump.add(c)
		return
	}
	c.startFlusher()
}

// startFlusher starts the connection's own flusher, which ends with the writing. The
// caller has begun writing, so nobody else looks at the task.
func (c *conn) startFlusher() {
	if c.flusher == nil {
		c.flusher = spawn.NewTask(c.session.server.options.Log, "flusher", c.flush, c.broke)
	}
	c.flusher.Start()
}

// flush writes until the queue is empty, and waits for the client where it must.
func (c *conn) flush() {
	w := writers.Get().(*writer)
	if rest := c.rest; rest != nil {
		c.rest = nil
		w.last = c.parting
		if !c.write(rest, w.last) {
			writers.Put(w)
			return
		}
	}
	for w.take(c) {
		if !c.write(w.render(c.encoding), w.last) {
			break
		}
	}
	w.count(c.session.server)
	writers.Put(w)
}

// write writes data and reports whether there may be more to write.
func (c *conn) write(data []byte, last bool) bool {
	for len(data) > 0 {
		part := data[:min(chunk, len(data))]
		_ = c.net.SetWriteDeadline(time.Now().Add(writePatience))
		if _, err := c.net.Write(part); err != nil {
			c.broke()
			return false
		}
		data = data[len(part):]
	}
	// A deadline left behind would fail the next write, or end an idle stream.
	_ = c.net.SetWriteDeadline(time.Time{})
	if last {
		c.parted()
		return false
	}
	return true
}

// broke ends a connection that cannot be written to. Its reader finds out.
func (c *conn) broke() {
	c.session.mu.Lock()
	c.closed = true
	c.stopLocked()
	c.session.mu.Unlock()
	_ = c.net.Close()
}

// parted ends the writing after the close frame. The connection is closed when the
// client has said good-bye too: before, unread bytes of it would reset the
// connection, and with it the close frame.
func (c *conn) parted() {
	c.session.mu.Lock()
	c.closed = true
	heard := c.heardBye
	c.stopLocked()
	c.session.mu.Unlock()
	if heard {
		_ = c.net.Close()
	} else if half, ok := c.net.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
