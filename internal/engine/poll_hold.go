package engine

import (
	"sync"
	"time"
)

// pollHold keeps answers to polls back while the listeners of the process change. A client
// without kept connections opens a new one as soon as its poll is answered, and the
// kernel and net/http drop what connects to a listener that is about to close.
type pollHold struct {
	mu       sync.Mutex    // guards the following; a leaf
	released chan struct{} // closed by end; nil while nothing is held
	timer    *time.Timer   // calls end
}

// HoldPolls answers no poll for a time, which begins anew with each call.
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

func (h *pollHold) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released != nil {
		close(h.released)
		h.released = nil
	}
}

// awaitRelease returns when no polls are held, and reports false when gone is closed before.
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

// AwaitPolls returns when each session that polls has a poll waiting here, or at a
// deadline.
func (s *Server) AwaitPolls(deadline time.Time) {
	for time.Now().Before(deadline) {
		missing := false
		for _, session := range s.listSessions() {
			missing = missing || session.isBetweenPolls()
		}
		if !missing {
			return
		}
		time.Sleep(awaitPollsInterval)
	}
}

const awaitPollsInterval = 5 * time.Millisecond

// isBetweenPolls reports whether the client of a session polls, and has no poll here.
func (s *Session) isBetweenPolls() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == stateOpen && !s.direct && s.out == nil && s.polls.parked == nil
}
