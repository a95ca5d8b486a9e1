package engine

import (
	"net/http"
	"sync"
	"time"
)

// pastDeadline is a deadline that ends a read or a write at once.
var pastDeadline = time.Unix(1, 0)

// transfer is the body of an HTTP request while it is read, or a response while it is
// written. The close of its session aborts it: a client that sends or reads no further
// bytes would hold it for as long as it likes.
type transfer struct {
	mu      sync.Mutex // guards the following
	stop    func()     // nil once the handler is about to return: the connection is not ours then
	stopped bool
}

// abort makes the reading or writing fail.
func (t *transfer) abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	if t.stop != nil {
		t.stop()
	}
}

// complete must be called when the reading or writing has ended.
func (t *transfer) complete() {
	t.mu.Lock()
	t.stop = nil
	t.mu.Unlock()
}

// extend moves the deadline of the writing. It reports false if the transfer was
// aborted.
func (t *transfer) extend(control *http.ResponseController, deadline time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped {
		_ = control.SetWriteDeadline(deadline)
	}
	return !t.stopped
}

// newUpload returns the transfer of the request's body.
func (x *exchange) newUpload() *transfer {
	control := http.NewResponseController(x.W)
	return &transfer{stop: func() { _ = control.SetReadDeadline(pastDeadline) }}
}

// writeAborter returns a function that makes the writing of the response fail.
func (x *exchange) writeAborter() func() {
	if x.AbortWrite != nil {
		return x.AbortWrite
	}
	control := http.NewResponseController(x.W)
	return func() { _ = control.SetWriteDeadline(pastDeadline) }
}

func abortTransfers(transfers []*transfer) {
	for _, t := range transfers {
		t.abort()
	}
}
