package hub

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/bucket"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
)

// ruleBuckets are the buckets of one connection for the rules of one namespace. Each config
// begins with full ones.
type ruleBuckets struct {
	of     *rules
	byRule []bucket.Bucket // in the order of the rules
	cost   int             // bytes that the connection is charged
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
	own := s.client.openRuleBuckets(s.ns.name, all)
	return own.byRule[r.number].Take(r.rate, 1, s.ns.hub.engine.Now())
}

// openRuleBuckets returns the connection's buckets for the rules of a namespace. They outlive
// its socket, so that a client that leaves and comes back gets no new ones. Receive calls it.
func (c *client) openRuleBuckets(namespace string, all *rules) *ruleBuckets {
	own := c.ruleBuckets[namespace]
	if own != nil && own.of == all {
		return own
	}
	switch {
	case own != nil:
		c.removeRuleBuckets(namespace)
	case len(c.ruleBuckets) >= MaxNamespaces:
		c.removeFullRuleBuckets()
	}
	if c.ruleBuckets == nil {
		c.ruleBuckets = make(map[string]*ruleBuckets)
	}
	own = &ruleBuckets{of: all, byRule: make([]bucket.Bucket, len(all.list))}
	own.cost = 200 + len(namespace) + 16*len(own.byRule)
	c.account.Add(budget.Session, own.cost)
	c.ruleBuckets[strings.Clone(namespace)] = own
	return own
}

// removeRuleBuckets removes the connection's buckets for the rules of a namespace.
func (c *client) removeRuleBuckets(namespace string) {
	c.account.Release(budget.Session, c.ruleBuckets[namespace].cost)
	delete(c.ruleBuckets, namespace)
}

// removeFullRuleBuckets removes the buckets that are full, and one of a namespace at random if
// there are none. Only a client of more than MaxNamespaces namespaces, by a glob, loses that:
// each further one has a full bucket anyway.
func (c *client) removeFullRuleBuckets() {
	now := c.hub.engine.Now()
	for namespace, own := range c.ruleBuckets {
		if own.isFull(now) {
			c.removeRuleBuckets(namespace)
		}
	}
	for namespace := range c.ruleBuckets {
		if len(c.ruleBuckets) >= MaxNamespaces {
			c.removeRuleBuckets(namespace)
		}
		break
	}
}

// isFull reports whether all buckets are full.
func (b *ruleBuckets) isFull(now int64) bool {
	for i := range b.byRule {
		if !b.byRule[i].IsFull(b.of.list[i].rate, now) {
			return false
		}
	}
	return true
}
