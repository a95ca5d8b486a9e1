package engine

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// past is a deadline that ends a read or write at once.
var past = time.Unix(1, 0)

// transfer is the body of a request while it is read, or a response while it is
// written. The end of its session ends it, too: a client that sends or reads nothing
// more would hold it for as long as it likes.
type transfer struct {
	mu      sync.Mutex // guards the following
	stop    func()     // nil when the handler is about to return: the connection is not ours then
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

// complete is called when the reading or writing has ended.
func (t *transfer) complete() {
	t.mu.Lock()
	t.stop = nil
	t.mu.Unlock()
}

// extend moves the deadline of the writing, and reports false when it is to end.
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
	return &transfer{stop: func() { _ = control.SetReadDeadline(past) }}
}

// newAnswer returns the transfer of the response.
func (x *exchange) newAnswer() *transfer {
	if x.EndWrite != nil {
		return &transfer{stop: x.EndWrite}
	}
	control := http.NewResponseController(x.W)
	return &transfer{stop: func() { _ = control.SetWriteDeadline(past) }}
}

// beginAnswerLocked notes that messages are about to be written as the answer to a poll.
// Until endAnswer they count towards the session's queue.
func (s *Session) beginAnswerLocked(x *exchange, ms []*eio.Message) *answering {
	a := &answering{transfer: x.newAnswer(), messages: ms}
	if s.state == stateClosed {
		return a // a close packet at most, which nothing has to end
	}
	for _, m := range ms {
		a.size += m.Size() + perMessage
	}
	s.answers = append(s.answers, a)
	s.bytes += a.size
	return a
}

func (s *Session) endAnswer(a *answering) {
	a.complete()
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.answers, a); i >= 0 {
		s.answers = slices.Delete(s.answers, i, i+1)
		s.bytes = max(s.bytes-a.size, 0) // the end of a session counts from zero
	}
}

// answering is the answer to a poll while it is written.
type answering struct {
	*transfer
	messages []*eio.Message
	size     int // of the messages in the queue
}

// transfersLocked returns the transfers that end with a session that is closed.
func (s *Session) transfersLocked() (all []*transfer) {
	for _, a := range s.answers {
		all = append(all, a.transfer)
	}
	if s.upload != nil {
		all = append(all, s.upload)
	}
	s.answers = nil
	return all
}

func abortAll(transfers []*transfer) {
	for _, t := range transfers {
		t.abort()
	}
}
