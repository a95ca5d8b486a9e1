package engine

import (
	"sync"
	"syscall"
)

// writeRounds is how many writes in a row a writer makes to one connection before other
// connections have their turn.
const writeRounds = 4

// writer writes queues to connections without waiting for clients. It is scratch space
// for one connection at a time: a pump owns one, readers borrow one.
type writer struct {
	batch   batch
	attempt func(fd uintptr) bool // w.writeOnce, bound once
	data    []byte                // the bytes for writeOnce
	written int                   // how many of them writeOnce wrote
	err     error                 // why it wrote none
}

var writers = sync.Pool{New: func() any { return newWriter() }}

func newWriter() *writer {
	w := new(writer)
	w.attempt = w.writeOnce
	return w
}

// writeInPlace writes the queue of a connection on the caller's goroutine, without waiting
// for the client. Bytes that the connection does not accept at once are left to its flusher.
// The caller has begun writing.
func (o *outbound) writeInPlace() {
	w := writers.Get().(*writer)
	w.writeQueue(o)
	w.batch.addToStats(o.session.server)
	w.batch.dropMessages()
	writers.Put(w)
}

// writeQueue writes the queue of one connection, in writeRounds writes at most. After
// that the connection waits again, behind the others.
func (w *writer) writeQueue(o *outbound) {
	for range writeRounds {
		if !w.batch.takeFrom(o) {
			return
		}
		data := w.batch.joinFrames(o.encoding)
		n, err := w.tryWrite(o.raw, data)
		switch {
		case err != nil:
			o.failWriting()
			return
		case n < len(data):
			o.keepRest(&w.batch, data[n:])
			o.startFlusher()
			return
		case w.batch.last:
			o.finishWriting()
			return
		}
	}
	o.ws.pump.enqueue(o)
}

// tryWrite writes the bytes that the connection accepts at once, and returns their
// number.
func (w *writer) tryWrite(raw syscall.RawConn, data []byte) (int, error) {
	w.data, w.written, w.err = data, 0, nil
	err := raw.Write(w.attempt)
	w.data = nil
	if err != nil {
		return 0, err
	}
	return w.written, w.err
}
