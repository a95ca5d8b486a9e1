package engine

import (
	"crypto/tls"
	"slices"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

var batches = sync.Pool{New: func() any { return new(batch) }}

// sameDeadline is how much earlier than wanted a deadline of a flusher may stay.
const sameDeadline = time.Second

// flusher is a goroutine that writes the queue of one connection, and ends when it is empty.
// Connections share flushers: an idle one has none.
type flusher struct {
	task *spawn.Task
	out  *outbound // nil between two runs
}

// startFlusher starts a flusher. The caller gives it the writing side.
func (o *outbound) startFlusher() {
	server := o.session.server
	f, _ := server.flushers.Get().(*flusher)
	if f == nil {
		f = new(flusher)
		f.task = spawn.NewTask(server.options.Log, "flusher", f.flush, f.failWriting)
	}
	f.out = o
	f.task.Start()
}

// flush writes the queue of the connection.
func (f *flusher) flush() {
	server := f.out.session.server
	f.out.flushQueue()
	f.out = nil
	server.flushers.Put(f)
}

// failWriting closes the connection after a panic. The flusher is not used again.
func (f *flusher) failWriting() { f.out.failWriting() }

// keepRest keeps the bytes of a batch that the pump could not write.
func (o *outbound) keepRest(b *batch, rest []byte) {
	o.restOf, o.restIsLast = b.ownBytesOf(), b.last
	if o.rest = rest; o.restOf == nil {
		o.rest = slices.Clone(rest)
	}
	o.session.mu.Lock()
	o.stuck = true
	o.session.mu.Unlock()
}

// flushQueue writes until the queue is empty. It waits for the client where it must.
func (o *outbound) flushQueue() {
	b := batches.Get().(*batch)
	if rest, of := o.rest, o.restOf; rest != nil {
		o.rest, o.restOf = nil, nil
		b.last = o.restIsLast
		if !o.writeCharged(rest, of, b.last) {
			batches.Put(b)
			return
		}
	}
	for b.takeFrom(o) {
		data := b.joinFrames(o.encoding)
		of := b.ownBytesOf()
		b.dropMessages() // the write may take long
		if !o.writeCharged(data, of, b.last) {
			break
		}
	}
	b.addToStats(o.session.server)
	batches.Put(b)
}

// writeCharged writes data as writeData does. Until it is written, the session is charged for
// it, or for the message whose own bytes it has.
func (o *outbound) writeCharged(data []byte, of *eio.Message, last bool) bool {
	account := o.session.account
	switch {
	case len(data) <= chargeFrom:
	case of != nil:
		held := []*eio.Message{of}
		holdMessages(account, held)
		defer unholdMessages(account, held)
	default:
		account.Add(budget.Queue, len(data))
		defer account.Release(budget.Queue, len(data))
	}
	return o.writeData(data, last)
}

// writeData writes data, chunk by chunk, and reports whether there may be more to write.
// last means that data ends with the close frame.
func (o *outbound) writeData(data []byte, last bool) bool {
	for len(data) > 0 {
		part := data[:min(chunk, len(data))]
		o.extendDeadline()
		if _, err := o.net.Write(part); err != nil {
			o.failWriting()
			return false
		}
		data = data[len(part):]
	}
	o.clearDeadline()
	if last {
		o.finishWriting()
		return false
	}
	return true
}

// extendDeadline sets the deadline of the next write, unless one is set that is nearly as late:
// a deadline costs a good part of the encryption of a small message.
func (o *outbound) extendDeadline() {
	deadline := time.Now().Add(writeTimeout)
	if deadline.Sub(o.deadline) < sameDeadline {
		return
	}
	o.deadline = deadline
	_ = o.net.SetWriteDeadline(deadline)
}

// clearDeadline clears the deadline after a write. It would fail the next write of a pump, or end
// an idle stream. Over TLS it stays: only the flusher writes, and it extends the deadline first.
func (o *outbound) clearDeadline() {
	if _, ok := o.net.(*tls.Conn); ok {
		return
	}
	o.deadline = time.Time{}
	_ = o.net.SetWriteDeadline(time.Time{})
}
