package hub

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/memory"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"go.uber.org/zap"
)

// Namespace is a channel that is multiplexed over connections, with its own
// sockets and rooms. Its methods are safe for concurrent use.
//
// What begins an emit, To for instance, returns a [Broadcast] and leaves the
// namespace as it is.
type Namespace struct {
	// Static after construction.
	name        string
	hub         *Hub
	index       *rooms.Index[*Socket]
	acks        acks
	pids        pidIndex
	recoveryLog *memory.Log // of an adapter that has none of its own

	link   atomic.Pointer[link] // never nil
	linkMu sync.Mutex           // makes changes of link one at a time
	// skipRecorderUntil is a time in nanoseconds: after a timeout, emits do not wait for
	// the Recorder before this. It is zero while offsets come in time.
	skipRecorderUntil atomic.Int64

	rules     atomic.Pointer[rules] // of the config; nil without
	listeners atomic.Pointer[[]*listener]
	mu        sync.Mutex // guards changes of listeners

	// Guarded by hub.mu.
	users     int  // sockets, and those that want to be
	dynamic   bool // exists for its users only
	permanent bool // exists until the hub ends

	counts atomic.Pointer[counts] // shared with those that the same glob names
}

// link is a namespace's end of a cluster.
type link struct {
	cluster cluster.Cluster
	adapter cluster.Recorder // over cluster.Alone if the cluster could not be opened
}

func newNamespace(h *Hub, name string) *Namespace {
	ns := &Namespace{name: name, hub: h, index: rooms.NewIndex[*Socket](rooms.Options{MaxRooms: MaxRooms})}
	ns.recoveryLog = memory.NewLog(memory.Options{
		Namespace: name, RecoveryTime: h.recoveryTime, After: h.afterFunc,
		Trimmed: func() { h.removeIfUnused(ns) },
	})
	ns.link.Store(ns.openLink(cluster.Alone))
	return ns
}

// updateLink opens the namespace in the hub's cluster, unless it is open there. A namespace
// that was removed from the hub closes its adapter.
func (ns *Namespace) updateLink() {
	if old := ns.replaceLink(); old != nil {
		if err := old.adapter.Close(); err != nil {
			ns.log().Error("closing the adapter of a namespace failed", zap.String("namespace", ns.name), zap.Error(err))
		}
	}
}

// replaceLink returns the former link if it replaced it. A cluster that panics is not
// opened again.
func (ns *Namespace) replaceLink() (old *link) {
	ns.linkMu.Lock()
	defer ns.linkMu.Unlock()
	c := ns.hub.clusterFor(ns)
	if old = ns.link.Load(); c == old.cluster {
		return nil
	}
	ns.link.Store(&link{cluster: c, adapter: old.adapter})
	ns.link.Store(ns.openLink(c))
	return old
}

// openLink opens the namespace in a cluster. If that fails, the namespace is alone.
func (ns *Namespace) openLink(c cluster.Cluster) *link {
	adapter, err := ns.recoveryLog.Open(c, node{ns})
	if err != nil {
		ns.log().Error("namespace is not shared with other nodes", zap.String("namespace", ns.name), zap.Error(err))
		adapter, _ = ns.recoveryLog.Open(cluster.Alone, node{ns}) // never fails
	}
	return &link{cluster: c, adapter: adapter}
}

// Hub returns the hub that the namespace belongs to.
func (ns *Namespace) Hub() *Hub { return ns.hub }

// Name returns the namespace's name, "/chat" for instance.
func (ns *Namespace) Name() string { return ns.name }

// OnRoom calls fn when rooms of the namespace are created, joined, left and
// deleted, in the order in which that happens. It is called while no lock is
// held, by one goroutine at a time, and holds up whoever joins and leaves. The
// returned function takes fn away again.
func (ns *Namespace) OnRoom(fn func(RoomEvent)) (off func()) {
	return ns.index.Subscribe(func(ev rooms.Event[*Socket]) {
		fn(RoomEvent{Kind: ev.Kind, Room: ev.Room, Socket: ev.Member})
	})
}

// RoomEvent is something that happened to a room.
type RoomEvent struct {
	// Kind is what happened: rooms.Create, rooms.Join, rooms.Leave or
	// rooms.Delete.
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

// Rooms returns the number of rooms on this node, those of the sockets' own ids
// included.
func (ns *Namespace) Rooms() int { return ns.index.Rooms() }

// RoomPage returns rooms of this node in the order of their names: those that
// begin with prefix and come after a name, at most limit.
func (ns *Namespace) RoomPage(prefix, after string, limit int) []rooms.Room {
	return ns.index.Page(prefix, after, limit)
}

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
// empty list of rooms means nobody.
func (ns *Namespace) To(rooms ...string) Broadcast { return ns.All().To(rooms...) }

// In is To.
func (ns *Namespace) In(rooms ...string) Broadcast { return ns.All().To(rooms...) }

// Except begins an emit that leaves out the sockets of rooms.
func (ns *Namespace) Except(rooms ...string) Broadcast { return ns.All().Except(rooms...) }

// Volatile begins an emit that a socket may miss which is not ready to take it.
func (ns *Namespace) Volatile() Broadcast { return ns.All().Volatile() }

// Local begins an emit that stays on this node.
func (ns *Namespace) Local() Broadcast { return ns.All().Local() }

// Compress begins an emit that says whether it is worth compressing.
func (ns *Namespace) Compress(compress bool) Broadcast { return ns.All().Compress(compress) }

// Timeout begins an emit that waits so long for acknowledgements.
func (ns *Namespace) Timeout(d time.Duration) Broadcast { return ns.All().Timeout(d) }

// Emit emits to all sockets of the namespace, see [Broadcast.Emit].
func (ns *Namespace) Emit(event string, args ...any) (int, error) {
	return ns.All().Emit(event, args...)
}

// everySocket is the target that means all sockets of a namespace.
var everySocket rooms.Target

// selections holds the lists that targets are resolved into.
var selections = sync.Pool{New: func() any { return new([]*Socket) }}

// forEachSocket calls fn for each socket of a target, without a lock, and counts those
// for which it returned true.
func (ns *Namespace) forEachSocket(t rooms.Target, fn func(*Socket) bool) (n int) {
	list := selections.Get().(*[]*Socket)
	*list = ns.index.Select((*list)[:0], t)
	for _, s := range *list {
		if fn(s) {
			n++
		}
	}
	clear(*list) // so that it keeps no socket alive
	selections.Put(list)
	return n
}

func (ns *Namespace) log() *zap.Logger { return ns.hub.log() }
