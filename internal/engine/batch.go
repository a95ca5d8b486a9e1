package engine

import "github.com/caddy-socketio/caddy-socketio/internal/eio"

const (
	// chunk is how many bytes of messages are joined in one write, and how much a
	// client has to accept within writeTimeout.
	chunk = 64 << 10
	// sharedSize is the size of a message that is written from its own bytes: copying it
	// for each client would cost more than joining saves.
	sharedSize = 16 << 10
	// keptBatch is the capacity of a batch's buffer that is worth keeping.
	keptBatch = 2 * chunk
)

// batch is scratch space for one write to a connection: the frames and messages to
// write, and their bytes. A pump owns one; flushers borrow one.
type batch struct {
	buf        []byte
	messages   []*eio.Message
	control    []byte // frames that go before the messages
	ahead      int    // messages that go before even the control frames: the open packet
	closeFrame []byte // goes last
	last       bool   // the batch ends with a close frame
	shared     bool   // render returned a message's own bytes

	packets, bytes uint64 // written since addToStats was last called
}

// takeFrom fills the batch with the next frames and messages of a connection. It reports
// false if there are none: it has ended the writing then.
func (b *batch) takeFrom(o *outbound) bool {
	o.session.mu.Lock()
	defer o.session.mu.Unlock()
	return b.takeLocked(o)
}

// takeLocked is takeFrom for a caller that holds Session.mu.
func (b *batch) takeLocked(o *outbound) bool {
	clear(b.messages)
	b.messages, b.closeFrame, b.last = b.messages[:0], nil, false
	s := o.session
	s.queue.subtract(o.pending)
	o.pending = 0
	if o.closed {
		o.endWritingLocked()
		return false
	}
	b.control = append(b.control[:0], o.control...)
	if o.control = o.control[:0]; cap(o.control) > keptControl {
		o.control = nil
	}
	more := false
	if s.out == o {
		o.pending, more = b.takeMessages(&s.queue)
	}
	b.ahead = 0
	if len(b.messages) > 0 && s.direct && !o.openSent {
		b.ahead, o.openSent = 1, true
	}
	if !more && o.closeFrame != nil {
		b.closeFrame, b.last = o.closeFrame, true
	}
	if len(b.messages)+len(b.control)+len(b.closeFrame) == 0 {
		o.endWritingLocked()
		return false
	}
	return true
}

// takeMessages moves up to a chunk of messages from a queue to the batch. It returns
// their size, and reports whether messages are left. Session.mu must be held.
func (b *batch) takeMessages(q *queue) (size int, more bool) {
	n, packets := 0, 0
	for ; n < len(q.messages) && size < chunk; n++ {
		size += q.messages[n].Size() + perMessage
		packets += q.messages[n].Packets()
	}
	b.packets += uint64(packets)
	q.countTaken(packets, size-n*perMessage)
	q.unhold(n)
	if n < len(q.messages) {
		b.messages = append(b.messages, q.messages[:n]...)
		left := copy(q.messages, q.messages[n:])
		clear(q.messages[left:])
		q.messages = q.messages[:left]
		return size, true
	}
	// The slices go around: the queue gets an empty one for its full one.
	q.messages, b.messages = b.messages, q.messages
	if cap(q.messages) > keptQueue {
		q.messages = nil
	}
	return size, false
}

// joinFrames returns the bytes of the batch. They are valid until the next call, or for ever
// if they are shared.
func (b *batch) joinFrames(enc eio.Encoding) []byte {
	if cap(b.buf) > keptBatch {
		b.buf = nil
	}
	b.shared = len(b.messages) == 1 && len(b.control) == 0 && !b.last && b.messages[0].Size() >= sharedSize
	if b.shared {
		data := b.messages[0].Bytes(enc)
		b.bytes += uint64(len(data))
		return data
	}
	data := b.buf[:0]
	for _, m := range b.messages[:b.ahead] {
		data = m.Append(data, enc)
	}
	data = append(data, b.control...)
	for _, m := range b.messages[b.ahead:] {
		data = m.Append(data, enc)
	}
	b.buf = append(data, b.closeFrame...)
	b.bytes += uint64(len(b.buf))
	return b.buf
}

// ownBytesOf returns the message whose own bytes joinFrames returned, or nil.
func (b *batch) ownBytesOf() *eio.Message {
	if b.shared {
		return b.messages[0]
	}
	return nil
}

// dropMessages forgets the messages, which joinFrames has joined.
func (b *batch) dropMessages() {
	clear(b.messages)
	b.messages = b.messages[:0]
}

// addToStats adds the packets and bytes written to the server's counters.
func (b *batch) addToStats(s *Server) {
	s.stats.packetsOut.Add(b.packets)
	s.stats.bytesOut.Add(b.bytes)
	b.packets, b.bytes = 0, 0
}
