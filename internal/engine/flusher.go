package engine

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

var batches = sync.Pool{New: func() any { return new(batch) }}

// startFlusher starts the connection's own flusher, which ends when the queue is empty.
// The caller owns the writing side, so no other goroutine looks at the task.
func (o *outbound) startFlusher() {
	if o.flusher == nil {
		o.flusher = spawn.NewTask(o.session.server.options.Log, "flusher", o.flushQueue, o.failWriting)
	}
	o.flusher.Start()
}

// flushQueue writes until the queue is empty. It waits for the client where it must.
func (o *outbound) flushQueue() {
	b := batches.Get().(*batch)
	if rest := o.rest; rest != nil {
		o.rest = nil
		b.last = o.restIsLast
		if !o.writeData(rest, b.last) {
			batches.Put(b)
			return
		}
	}
	for b.takeFrom(o) {
		if !o.writeData(b.joinFrames(o.encoding), b.last) {
			break
		}
	}
	b.addToStats(o.session.server)
	batches.Put(b)
}

// writeData writes data, chunk by chunk, and reports whether there may be more to write.
// last means that data ends with the close frame.
func (o *outbound) writeData(data []byte, last bool) bool {
	for len(data) > 0 {
		part := data[:min(chunk, len(data))]
		_ = o.net.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := o.net.Write(part); err != nil {
			o.failWriting()
			return false
		}
		data = data[len(part):]
	}
	// A deadline left behind would fail the next write, or end an idle stream.
	_ = o.net.SetWriteDeadline(time.Time{})
	if last {
		o.finishWriting()
		return false
	}
	return true
}
