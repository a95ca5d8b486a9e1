package hub

import "github.com/caddy-socketio/caddy-socketio/internal/bucket"

// ruleBuckets are the buckets of one socket for rules with a rate. The goroutine that
// receives the client's packets owns them. Each config begins with full ones.
type ruleBuckets struct {
	of     *rules
	byRule map[*rule]*bucket.Bucket
}

// takeEvent reports whether the rate of an event's rule allows the event, and counts it.
func (s *Socket) takeEvent(ev *Event) bool {
	all := s.ns.rules.Load()
	if all == nil || !all.hasRates {
		return true
	}
	r := all.ruleFor(ev)
	if r == nil || !r.rate.IsLimit() {
		return true
	}
	b := s.ruleBuckets
	if b == nil || b.of != all {
		b = &ruleBuckets{of: all, byRule: make(map[*rule]*bucket.Bucket)}
		s.ruleBuckets = b
	}
	own := b.byRule[r]
	if own == nil {
		own = new(bucket.Bucket)
		b.byRule[r] = own
	}
	return own.Take(r.rate, 1, s.ns.hub.engine.Now())
}
