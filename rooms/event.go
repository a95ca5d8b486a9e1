package rooms

import (
	"slices"
	"strconv"
	"sync/atomic"
)

// Kind is the kind of a change of a room.
type Kind uint8

// The kinds of changes.
const (
	// Create comes before the Join of a room's first member.
	Create Kind = iota
	// Join comes after a member was added to the room.
	Join
	// Leave comes after a member was removed from the room.
	Leave
	// Delete comes after the Leave of a room's last member.
	Delete
)

// String returns the name of the event in Socket.IO's adapter, such as "create-room".
func (k Kind) String() string {
	switch k {
	case Create:
		return "create-room"
	case Join:
		return "join-room"
	case Leave:
		return "leave-room"
	case Delete:
		return "delete-room"
	}
	return "rooms.Kind(" + strconv.Itoa(int(k)) + ")"
}

// Event is one change of a room.
type Event[M comparable] struct {
	// Kind is the kind of the change.
	Kind Kind
	// Room is the room's name.
	Room string
	// Member is the member that joined or left. Create and Delete have it too.
	Member M
}

// notifications holds the events that are not delivered yet, and the subscribers.
// Guarded by Index.mu.
type notifications[M comparable] struct {
	subscribers []*subscriber[M]
	pending     []notification[M]
	delivering  bool // a goroutine calls subscribers until pending is empty
}

// subscriber is a callback of Subscribe.
type subscriber[M comparable] struct {
	callback func(Event[M])
	canceled atomic.Bool
}

// notification is an event to deliver to one subscriber.
type notification[M comparable] struct {
	to    *subscriber[M]
	event Event[M]
}

// enqueueEvent adds an event for each subscriber.
func (n *notifications[M]) enqueueEvent(k Kind, room string, m M) {
	for _, l := range n.subscribers {
		n.pending = append(n.pending, notification[M]{l, Event[M]{k, room, m}})
	}
}

// Subscribe calls fn for each later event, in order and one at a time. No lock is held
// meanwhile, so fn may use the index. The goroutine that changes the index calls fn
// before its method returns. Other goroutines and fn may cause more events meanwhile,
// which wait in memory until the same goroutine delivers them, so fn should be quick. A
// panic of fn reaches the caller of that goroutine's method; the pending events follow
// the next change.
//
// The returned function cancels the subscription: no call of fn begins after it
// returns, though one may be running on another goroutine.
func (x *Index[M]) Subscribe(fn func(Event[M])) (cancel func()) {
	l := &subscriber[M]{callback: fn}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.notifications.subscribers = append(x.notifications.subscribers, l)
	return func() { x.removeSubscriber(l) }
}

// removeSubscriber cancels a subscription and removes it.
func (x *Index[M]) removeSubscriber(canceled *subscriber[M]) {
	canceled.canceled.Store(true)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.notifications.subscribers = slices.DeleteFunc(x.notifications.subscribers, func(l *subscriber[M]) bool { return l == canceled })
}

// unlockAndDeliver releases mu after a change and calls the subscribers, unless another
// goroutine calls them already, which then delivers these events too.
func (x *Index[M]) unlockAndDeliver() {
	deliver := len(x.notifications.pending) > 0 && !x.notifications.delivering
	if deliver {
		x.notifications.delivering = true
	}
	x.mu.Unlock()
	for deliver {
		deliver = x.deliverPending()
	}
}

// deliverPending calls subscribers with the pending events, and reports whether there may
// be more.
func (x *Index[M]) deliverPending() bool {
	x.mu.Lock()
	pending := x.notifications.pending
	x.notifications.pending = nil
	x.notifications.delivering = len(pending) > 0
	x.mu.Unlock()

	delivered, panicked := 0, true
	defer func() {
		if panicked {
			x.mu.Lock()
			x.notifications.pending = append(pending[delivered:], x.notifications.pending...)
			x.notifications.delivering = false
			x.mu.Unlock()
		}
	}()
	for _, n := range pending {
		delivered++
		if !n.to.canceled.Load() {
			n.to.callback(n.event)
		}
	}
	panicked = false
	return len(pending) > 0
}
