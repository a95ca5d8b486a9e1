package engine

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// defaultDrainTime is how long the closes take without a deadline.
	defaultDrainTime = time.Second
	// minCloseRate is how many sessions a drain with a deadline closes in a second at
	// least: so few clients that reconnect do no harm.
	minCloseRate = 100
)

// Drain closes all sessions as [Session.Close] does and refuses new ones. It spreads the
// closes over most of the time until the deadline of ctx, so that the clients do not
// reconnect all at once, but closes 100 a second at least. Sessions left when ctx ends are
// closed then. Drain returns when all WebSockets have taken their queue and are closed, or
// soon after ctx has ended.
func (s *Server) Drain(ctx context.Context, reason string) {
	s.draining.Store(true) // first: a session that opens now is in the list, or reads this
	sessions := s.ListSessions()
	CloseSteadily(ctx, sessions, DrainTime(ctx, len(sessions)), reason)
	for _, session := range sessions {
		session.Close(reason)
	}
	select {
	case <-s.whenNoWebSockets():
	case <-ctx.Done():
	}
}

// DrainTime returns over how long a drain closes n sessions: most of the time until the
// deadline of ctx, or less if they are few.
func DrainTime(ctx context.Context, n int) time.Duration {
	spread := defaultDrainTime
	if deadline, ok := ctx.Deadline(); ok {
		spread = time.Until(deadline) * 8 / 10
	}
	return max(0, min(spread, time.Duration(n)*time.Second/minCloseRate))
}

// CloseSteadily closes sessions in random order, as [Session.Close] does: each in its own
// share of the time over, at a random moment of the share. It returns when all are closed,
// which is early if clients leave by themselves, or when ctx ends, which leaves the others
// open.
func CloseSteadily(ctx context.Context, sessions []*Session, over time.Duration, reason string) {
	rand.Shuffle(len(sessions), func(i, j int) { sessions[i], sessions[j] = sessions[j], sessions[i] })
	began, share := time.Now(), float64(over)/float64(len(sessions))
	for i, session := range sessions {
		moment := began.Add(time.Duration((float64(i) + rand.Float64()) * share))
		if session.awaitTurn(ctx, moment); ctx.Err() != nil {
			return
		}
		session.Close(reason)
	}
}

// awaitTurn waits until a moment, until the session closes, or until ctx ends.
func (s *Session) awaitTurn(ctx context.Context, moment time.Time) {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	case <-ctx.Done():
	}
}

// isDraining reports whether new sessions are refused because the server, or the whole
// process, drains.
func (s *Server) isDraining() bool {
	return s.draining.Load() || s.options.Draining != nil && s.options.Draining()
}

// whenNoWebSockets returns a channel that is closed when no WebSocket is left.
func (s *Server) whenNoWebSockets() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan struct{})
	if s.webSockets == 0 {
		close(done)
		return done
	}
	s.drainWaiters = append(s.drainWaiters, done)
	return done
}

// countWebSockets adds n to the number of WebSockets.
func (s *Server) countWebSockets(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webSockets += n
	if s.webSockets == 0 {
		for _, done := range s.drainWaiters {
			close(done)
		}
		s.drainWaiters = nil
	}
}
