package engine

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// drainInterval is the mean time between two batches of closes.
	drainInterval = 50 * time.Millisecond
	// defaultDrainTime is how long the closes take without a deadline.
	defaultDrainTime = time.Second
	// drainBatch is how many sessions are closed at once at least: so few clients that
	// reconnect together do no harm.
	drainBatch = 50
)

// Drain closes all sessions as [Session.Close] does and refuses new ones. It spreads the
// closes over most of the time until the deadline of ctx, so that the clients do not
// reconnect all at once. Sessions left when ctx ends are closed then. Drain returns when
// all WebSockets have taken their queue and are closed, or soon after ctx has ended.
func (s *Server) Drain(ctx context.Context, reason string) {
	s.draining.Store(true) // first: a session that opens now is in the list, or reads this
	sessions := s.listSessions()
	rand.Shuffle(len(sessions), func(i, j int) { sessions[i], sessions[j] = sessions[j], sessions[i] })
	spread := defaultDrainTime
	if deadline, ok := ctx.Deadline(); ok {
		spread = time.Until(deadline) * 8 / 10
	}
	batch := max(drainBatch, len(sessions)/max(int(spread/drainInterval), 1)+1)
	for i, session := range sessions {
		if i > 0 && i%batch == 0 {
			sleepContext(ctx, drainInterval/2+rand.N(drainInterval))
		}
		session.Close(reason)
	}
	select {
	case <-s.whenNoWebSockets():
	case <-ctx.Done():
	}
}

// sleepContext waits for d, or until ctx ends.
func sleepContext(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
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
