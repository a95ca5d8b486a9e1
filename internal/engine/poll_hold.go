package engine

import (
	"sync"
	"time"
)

// pollHold holds replies to polls back while the listeners of the process change. A
// client without keep-alive opens a new connection as soon as its poll has a reply, and
// the kernel and net/http drop connections to a listener that is about to close.
type pollHold struct {
	mu       sync.Mutex    // guards the following; a leaf
	released chan struct{} // closed by release; nil while nothing is held
	timer    *time.Timer   // calls release
}

// HoldPolls holds the replies to all polls back for d. A further call extends the hold
// to d from then.
func (s *Server) HoldPolls(d time.Duration) {
	h := &s.hold
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released == nil {
		h.released = make(chan struct{})
		h.timer = time.AfterFunc(d, h.release)
		return
	}
	h.timer.Reset(d)
}

// release lets the held replies go.
func (h *pollHold) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released != nil {
		close(h.released)
		h.released = nil
	}
}

// awaitRelease waits until no polls are held. It reports false if gone is closed before.
func (h *pollHold) awaitRelease(gone <-chan struct{}) bool {
	h.mu.Lock()
	over := h.released
	h.mu.Unlock()
	if over == nil {
		return true
	}
	select {
	case <-over:
		return true
	case <-gone:
		return false
	}
}

// AwaitPolls waits until each polling session has a parked poll, or until a deadline.
func (s *Server) AwaitPolls(deadline time.Time) {
	for time.Now().Before(deadline) {
		missing := false
		for _, session := range s.ListSessions() {
			missing = missing || session.isBetweenPolls()
		}
		if !missing {
			return
		}
		time.Sleep(awaitPollsInterval)
	}
}

// awaitPollsInterval is the time between two looks at the sessions.
const awaitPollsInterval = 5 * time.Millisecond

// isBetweenPolls reports whether the session polls, and has no parked poll.
func (s *Session) isBetweenPolls() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateOpen && !s.direct && s.out == nil && s.polls.parked == nil
}
