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

// news is what happened and who wants to know. Guarded by Index.mu.
type news[M comparable] struct {
	listeners []*listener[M]
	queue     []notice[M]
	telling   bool // somebody is calling listeners, and will until queue is empty
}

type listener[M comparable] struct {
	fn   func(Event[M])
	gone atomic.Bool
}

// notice is an event that a listener is to be told of.
type notice[M comparable] struct {
	to    *listener[M]
	event Event[M]
}

func (n *news[M]) add(k Kind, room string, m M) {
	for _, l := range n.listeners {
		n.queue = append(n.queue, notice[M]{l, Event[M]{k, room, m}})
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
	l := &listener[M]{fn: fn}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.news.listeners = append(x.news.listeners, l)
	return func() { x.unsubscribe(l) }
}

func (x *Index[M]) unsubscribe(gone *listener[M]) {
	gone.gone.Store(true)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.news.listeners = slices.DeleteFunc(x.news.listeners, func(l *listener[M]) bool { return l == gone })
}

// unlock ends a change: it lets go of mu and calls the listeners, unless somebody
// is at it, who then goes on.
func (x *Index[M]) unlock() {
	tell := len(x.news.queue) > 0 && !x.news.telling
	if tell {
		x.news.telling = true
	}
	x.mu.Unlock()
	for tell {
		tell = x.tell()
	}
}

// tell calls listeners with what waits, and reports whether there may be more.
func (x *Index[M]) tell() bool {
	x.mu.Lock()
	waiting := x.news.queue
	x.news.queue = nil
	x.news.telling = len(waiting) > 0
	x.mu.Unlock()

	told, panicked := 0, true
	defer func() {
		if panicked {
			x.mu.Lock()
			x.news.queue = append(waiting[told:], x.news.queue...)
			x.news.telling = false
			x.mu.Unlock()
		}
	}()
	for _, n := range waiting {
		told++
		if !n.to.gone.Load() {
			n.to.fn(n.event)
		}
	}
	panicked = false
	return len(waiting) > 0
}
