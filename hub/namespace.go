package hub

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/memory"
	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"go.uber.org/zap"
)

// Namespace is a channel that is multiplexed over connections, with its own sockets and
// rooms. Its methods are safe for concurrent use. Methods that begin an emit, To for
// instance, return a [Broadcast].
type Namespace struct {
	// Static after construction.
	name        string
	hub         *Hub
	index       *rooms.Index[*Socket]
	acks        acks
	pids        pidIndex
	otherIDs    otherIDs
	recoveryLog *memory.Log // of an adapter that has none of its own

	link   atomic.Pointer[link] // never nil
	linkMu sync.Mutex           // makes changes of link one at a time
	// skipRecorderUntil is a time of readClock: after a timeout, emits do not wait for
	// the Recorder before this. It is zero while offsets come in time.
	skipRecorderUntil atomic.Int64

	// stepMu is held during an uninterrupted step, see [CountReader]. It guards no field,
	// and goes before all other locks.
	stepMu sync.Mutex

	rules     atomic.Pointer[rules] // of the config; nil without
	listeners atomic.Pointer[[]*listener]
	mu        sync.Mutex // guards changes of listeners

	// Guarded by hub.mu.
	users   int  // sockets, connecting ones included
	dynamic bool // exists for its users only
	// place is in hub.dynamic while the namespace is dynamic, unless it is evicted. Its maker
	// is the address that holds it there.
	place     address.Place[*Namespace]
	maker     address.Key
	permanent bool // exists until the hub ends
	schedules map[scheduleKey]*schedule
	// stopObservingRooms is nil while the hub has no observers.
	stopObservingRooms func()

	tracker   atomic.Pointer[tracker] // nil unless the config needs one
	trackerMu sync.Mutex              // makes changes of tracker one at a time; goes before hub.mu

	counts atomic.Pointer[counts] // shared with other namespaces of the same glob

	history atomic.Pointer[history] // nil without the option
}

func newNamespace(h *Hub, name string) *Namespace {
	ns := &Namespace{name: name, hub: h, index: rooms.NewIndex[*Socket](rooms.Options{MaxRooms: MaxRooms})}
	ns.recoveryLog = memory.NewLog(memory.Options{
		Namespace: name, RecoveryTime: h.recoveryTime, After: h.afterFunc, Bounds: h.recoveryBounds,
		Trimmed: func() { h.removeIfUnused(ns) },
	})
	ns.link.Store(ns.openLink(cluster.Alone))
	return ns
}

// Hub returns the hub that the namespace belongs to.
func (ns *Namespace) Hub() *Hub { return ns.hub }

// Name returns the namespace's name, "/chat" for instance.
func (ns *Namespace) Name() string { return ns.name }

// OnRoom calls fn when rooms of the namespace are created, joined, left and deleted, in that
// order of events. It is called by one goroutine at a time, without a lock held. Joins and
// leaves wait until it returns. A panic of fn is logged: the socket that joins or leaves has
// no part in it. The returned function removes fn.
func (ns *Namespace) OnRoom(fn func(RoomEvent)) (off func()) {
	return ns.index.Subscribe(func(ev rooms.Event[*Socket]) {
		spawn.Call(ns.log(), "listener of rooms", func() { fn(RoomEvent{Kind: ev.Kind, Room: ev.Room, Socket: ev.Member}) }, nil)
	})
}

// RoomEvent is an event of a room.
type RoomEvent struct {
	// Kind is rooms.Create, rooms.Join, rooms.Leave or rooms.Delete.
	Kind rooms.Kind
	// Room is the room's name.
	Room string
	// Socket is the one that joined or left.
	Socket *Socket
}

// Socket returns the socket of that id on this node.
func (ns *Namespace) Socket(id string) (*Socket, bool) {
	for _, s := range ns.index.Select(nil, rooms.Target{In: []string{id}}) {
		if s.id == id {
			return s, true
		}
	}
	return nil, false
}

// Len returns the number of sockets on this node.
func (ns *Namespace) Len() int { return ns.index.Len() }

// Rooms returns the number of rooms on this node, with the rooms of the sockets' own ids.
func (ns *Namespace) Rooms() int { return ns.index.Rooms() }

// RoomPage returns up to limit rooms of this node in the order of their names, whose names
// begin with prefix and come after another name. With own, the page includes rooms of a
// socket's own id that no other socket is in.
func (ns *Namespace) RoomPage(prefix, after string, limit int, own bool) []rooms.Room {
	if own {
		return ns.index.Page(prefix, after, limit)
	}
	return ns.index.PageFunc(prefix, after, limit, func(name string, only *Socket) bool { return only.id == name })
}

// roomNames returns the names of all rooms of this node.
func (ns *Namespace) roomNames() cluster.Rooms {
	page := ns.index.Page("", "", ns.index.Rooms())
	names := make(cluster.Rooms, len(page))
	for i, room := range page {
		names[i] = room.Name
	}
	return names
}

// All begins a broadcast to all sockets of the namespace. It is the same as
// [Namespace.Except] without rooms.
func (ns *Namespace) All() Broadcast { return Broadcast{ns: ns} }

// To begins an emit to the sockets of rooms, each once. Further calls add rooms. An
// empty list of rooms means no socket.
func (ns *Namespace) To(rooms ...string) Broadcast { return ns.All().To(rooms...) }

// In is To.
func (ns *Namespace) In(rooms ...string) Broadcast { return ns.All().To(rooms...) }

// Except begins an emit to all sockets but the sockets of rooms.
func (ns *Namespace) Except(rooms ...string) Broadcast { return ns.All().Except(rooms...) }

// Volatile begins an emit that is dropped for clients that are not ready, see
// [Broadcast.Volatile].
func (ns *Namespace) Volatile() Broadcast { return ns.All().Volatile() }

// Local begins an emit to the sockets of this node only.
func (ns *Namespace) Local() Broadcast { return ns.All().Local() }

// Compress begins an emit that is compressed or not, see [Broadcast.Compress].
func (ns *Namespace) Compress(compress bool) Broadcast { return ns.All().Compress(compress) }

// Timeout begins an emit that waits so long for acknowledgements.
func (ns *Namespace) Timeout(d time.Duration) Broadcast { return ns.All().Timeout(d) }

// Emit emits to all sockets of the namespace, see [Broadcast.Emit].
func (ns *Namespace) Emit(event string, args ...any) (int, error) {
	return ns.All().Emit(event, args...)
}

// everySocket is the target of all sockets of a namespace.
var everySocket rooms.Target

// selections holds the lists that targets are resolved into.
var selections = sync.Pool{New: func() any { return new([]*Socket) }}

// forEachSocket calls fn for each socket of a target, without a lock. It returns how often
// fn returned true.
func (ns *Namespace) forEachSocket(t rooms.Target, fn func(*Socket) bool) int {
	return ns.forEachSelected(t, nil, fn)
}

// forEachSelected is forEachSocket. It calls selected, unless that is nil, as
// [rooms.Index.SelectFunc] does.
func (ns *Namespace) forEachSelected(t rooms.Target, selected func(), fn func(*Socket) bool) (n int) {
	list := selections.Get().(*[]*Socket)
	*list = ns.index.SelectFunc((*list)[:0], t, selected)
	for _, s := range *list {
		if fn(s) {
			n++
		}
	}
	clear(*list) // so that it keeps no socket alive
	selections.Put(list)
	return n
}

// log returns the logger of the hub's config.
func (ns *Namespace) log() *zap.Logger { return ns.hub.log() }
