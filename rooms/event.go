package rooms

import (
	"slices"
	"strconv"
	"sync/atomic"
)

// Kind is what happened to a room.
type Kind uint8

const (
	// Create comes before the Join of a room's first member.
	Create Kind = iota
	// Join says that a member is in the room.
	Join
	// Leave says that a member is no longer in the room.
	Leave
	// Delete comes after the Leave of a room's last member.
	Delete
)

// String returns the name of Socket.IO's adapter event, "create-room" for
// instance.
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

// Event is something that happened to a room.
type Event[M comparable] struct {
	// Kind is what happened.
	Kind Kind
	// Room is the room's name.
	Room string
	// Member is who joined or left, with Create and Delete too.
	Member M
}

// notifications is what happened and who wants to know. Guarded by Index.mu.
type notifications[M comparable] struct {
	subscribers []*subscriber[M]
	pending     []notification[M]
	delivering  bool // somebody is calling listeners, and will until queue is empty
}

type subscriber[M comparable] struct {
	callback func(Event[M])
	canceled atomic.Bool
}

// notification is an event that a listener is to be told of.
type notification[M comparable] struct {
	to    *subscriber[M]
	event Event[M]
}

func (n *notifications[M]) enqueueEvent(k Kind, room string, m M) {
	for _, l := range n.subscribers {
		n.pending = append(n.pending, notification[M]{l, Event[M]{k, room, m}})
	}
}

// Subscribe calls fn for each event from now on, in order and one at a time, with
// no lock held, so that fn may use the index. Who joins or leaves calls it before
// that returns; what happens meanwhile, by others or by fn itself, waits in memory
// for the one who is calling already. So fn should be quick. If it panics, that is
// the panic of the one who called it, and the events behind come with the next.
//
// The returned function ends that: no call begins after it has returned, though
// one may be under way on another goroutine.
func (x *Index[M]) Subscribe(fn func(Event[M])) (cancel func()) {
	l := &subscriber[M]{callback: fn}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.notifications.subscribers = append(x.notifications.subscribers, l)
	return func() { x.removeSubscriber(l) }
}

func (x *Index[M]) removeSubscriber(canceled *subscriber[M]) {
	canceled.canceled.Store(true)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.notifications.subscribers = slices.DeleteFunc(x.notifications.subscribers, func(l *subscriber[M]) bool { return l == canceled })
}

// unlockAndDeliver ends a change: it lets go of mu and calls the listeners, unless somebody
// is at it, who then goes on.
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

// deliverPending calls listeners with what waits, and reports whether there may be more.
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
