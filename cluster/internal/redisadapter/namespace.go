package redisadapter

import (
	"context"
	"slices"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// namespaceID tells a namespace from the others of its connection.
type namespaceID struct{ hub, name string }

// namespace is a connection's part of one namespace: its channels, received messages, and
// requests without all replies. When a namespace closes and opens again at once, it has
// two adapters for a moment; other nodes see one.
type namespace struct {
	// Static after construction.
	conn    *connection
	id      namespaceID
	uid     string // of this node in this namespace
	names   channelNames
	codec   codec
	pending *pendingRequests
	inbox   *inbox

	mu       sync.Mutex // guards adapters, and state of the streams dialect; goes before the locks of inbox and queue
	adapters []*adapter // never changed, but replaced
}

func newNamespace(c *connection, id namespaceID) *namespace {
	ns := &namespace{conn: c, id: id, uid: c.dialect.newID(), pending: newPendingRequests(c.name)}
	ns.names = c.dialect.channelNames(id, ns.uid)
	ns.inbox = newInbox(ns)
	ns.codec = c.dialect.newCodec(ns)
	return ns
}

// addAdapter returns a new adapter for a node.
func (ns *namespace) addAdapter(n cluster.Node) (*adapter, error) {
	a := &adapter{namespace: ns, node: n}
	a.ctx, a.cancel = context.WithCancel(ns.conn.ctx)
	rooms, ok := ns.conn.dialect.(roomSubscriber)
	if ok {
		if err := rooms.watchRooms(a); err != nil {
			a.cancel()
			return nil, err
		}
	}
	ns.mu.Lock()
	ns.adapters = append(slices.Clone(ns.adapters), a)
	ns.mu.Unlock()
	if ok {
		rooms.checkRooms(ns)
	}
	return a, nil
}

// removeAdapter removes an adapter. The last one closes the namespace.
func (ns *namespace) removeAdapter(a *adapter) {
	ns.mu.Lock()
	ns.adapters = slices.DeleteFunc(slices.Clone(ns.adapters), func(other *adapter) bool { return other == a })
	last := len(ns.adapters) == 0
	if last {
		ns.inbox.dropAll()
		if h, ok := ns.codec.(holding); ok {
			h.dropHeld()
		}
	}
	ns.mu.Unlock()
	if a.rooms != nil {
		a.rooms.Stop()
	}
	if last {
		ns.conn.closeNamespace(ns)
	} else if rooms, ok := ns.conn.dialect.(roomSubscriber); ok {
		rooms.checkRooms(ns)
	}
}

// openAdapters returns the adapters.
func (ns *namespace) openAdapters() []*adapter {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.adapters
}

// receiveMessage queues a message of a channel to be handled. It does not block. It drops
// messages beyond the bounds of memory: if they were left in Redis, Redis would close the
// connection, and more would be lost.
func (ns *namespace) receiveMessage(d delivery) {
	if d.kind == replyDelivery && !ns.pending.isWaiting() {
		return // to a request of another node
	}
	c := ns.conn
	if len(d.payload) > maxMessageSize || c.inbound.Load()+d.size() > maxInbound {
		c.countLost("they arrive faster than they can be applied, or are too large")
		return
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if len(ns.adapters) > 0 {
		ns.enqueue(d)
	}
}

// enqueue adds a delivery to the inbox. The caller holds mu.
func (ns *namespace) enqueue(d delivery) {
	ns.conn.inbound.Add(d.size())
	ns.inbox.pushDelivery(d)
}

// applyOperation applies an operation of another node.
func (ns *namespace) applyOperation(op cluster.Operation) {
	for _, a := range ns.openAdapters() {
		if a.ctx.Err() == nil {
			a.node.Apply(op)
		}
	}
}

// hasRoom reports whether a node may have sockets in a room.
func (ns *namespace) hasRoom(room string) bool {
	for _, a := range ns.openAdapters() {
		if w, ok := a.node.(cluster.RoomWatcher); !ok || w.HasRoom(room) {
			return true
		}
	}
	return false
}
