package redisadapter

import (
	"sync"

	"github.com/redis/rueidis"
)

// route is a channel or pattern of a namespace, and the kind of its messages.
type route struct {
	name    string
	pattern bool
	kind    deliveryKind
}

// routeTarget is the namespace that a channel belongs to, and the kind of its messages.
type routeTarget struct {
	namespace *namespace
	kind      deliveryKind
}

// routeTable finds the namespace of a message by the pattern or channel that it arrived
// by.
type routeTable struct {
	mu     sync.RWMutex // guards byName; a leaf
	byName map[string]routeTarget
}

// addRoutes adds the routes of a namespace.
func (t *routeTable) addRoutes(ns *namespace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range ns.codec.fixedRoutes() {
		t.byName[r.name] = routeTarget{ns, r.kind}
	}
}

// removeRoutes removes the routes of a namespace, except the ones that another one has
// taken over.
func (t *routeTable) removeRoutes(ns *namespace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range ns.codec.fixedRoutes() {
		if t.byName[r.name].namespace == ns {
			delete(t.byName, r.name)
		}
	}
}

// addChannel adds a single channel.
func (t *routeTable) addChannel(channel string, to routeTarget) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName[channel] = to
}

// removeChannel removes a single channel.
func (t *routeTable) removeChannel(channel string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byName, channel)
}

// removeAll removes all channels.
func (t *routeTable) removeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName = make(map[string]routeTarget)
}

// findTarget returns the target of a channel; without a namespace when it was closed a
// moment ago.
func (t *routeTable) findTarget(channel string) routeTarget {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byName[channel]
}

// routeMessage queues a message for its namespace. The Redis client calls it on one goroutine
// for each of its connections; it does not block.
func (c *connection) routeMessage(m rueidis.PubSubMessage) {
	name := m.Pattern
	if name == "" {
		name = m.Channel
	}
	to := c.routes.findTarget(name)
	if to.namespace == nil {
		return
	}
	d := delivery{kind: to.kind, payload: m.Message}
	if to.kind == emitDelivery {
		var ok bool
		if d.room, ok = to.namespace.names.parseRoom(m.Channel); !ok {
			return
		}
	}
	to.namespace.receiveMessage(d)
}
