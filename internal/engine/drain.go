package engine

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	drainInterval    = 50 * time.Millisecond
	defaultDrainTime = time.Second // without a deadline
	drainBatch       = 50          // that many at once do no harm
)

// Drain closes all sessions as [Session.Close] does and refuses new ones. It spreads
// the closing over most of the time that ctx leaves, so that the clients do not come
// back, here or elsewhere, all at once; what is left when ctx ends is closed then.
// It returns when the WebSockets have taken what was queued for them and are gone,
// or soon after ctx has ended.
func (s *Server) Drain(ctx context.Context, reason string) {
	s.draining.Store(true) // first: a session that is made is in the list, or sees this
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

func sleepContext(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// whenNoWebSockets returns a channel that is closed when there is no WebSocket any more.
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

// countWebSockets counts WebSockets that begin and end.
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
