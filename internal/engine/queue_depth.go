package engine

import "github.com/caddy-socketio/caddy-socketio/internal/histogram"

// QueueDepths are the bytes that wait for clients at a moment.
type QueueDepths struct {
	// Sessions has the number of open sessions by their bytes, and the sum of these.
	Sessions histogram.Snapshot
	// Max is the number of bytes of the longest queue.
	Max int
}

// QueueDepths measures the queues of all open sessions. It locks each for a moment.
func (s *Server) QueueDepths() QueueDepths {
	counts, longest := histogram.New(histogram.Sizes), 0
	for _, session := range s.ListSessions() {
		session.mu.Lock()
		bytes, open := session.queue.bytes, session.state == stateOpen
		session.mu.Unlock()
		if open {
			counts.Observe(int64(bytes))
			longest = max(longest, bytes)
		}
	}
	return QueueDepths{Sessions: counts.Snapshot(), Max: longest}
}
