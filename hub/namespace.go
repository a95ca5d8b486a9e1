package hub

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
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
	name    string
	hub     *Hub
	index   *rooms.Index[*Socket]
	acks    acks
	history history
	// adapter leads to the other nodes; nil when the hub is alone.
	adapter atomic.Pointer[cluster.Adapter]

	rules     atomic.Pointer[rules] // of the config; nil without
	listeners atomic.Pointer[[]*listener]
	mu        sync.Mutex // guards changes of listeners

	// Guarded by hub.mu.
	users int  // sockets, and those that want to be
	child bool // exists for its users only
	kept  bool // exists until the hub ends

	counts atomic.Pointer[counts] // shared with those that the same glob names

	linking sync.Mutex      // guards cluster, and makes changes of adapter one at a time
	cluster cluster.Cluster // that adapter is of; nil when alone
}

func newNamespace(h *Hub, name string) *Namespace {
	return &Namespace{
		name: name, hub: h, history: newHistory(),
		index: rooms.NewIndex[*Socket](rooms.Options{MaxRooms: MaxRooms}),
	}
}

// link joins the namespace with those of other nodes, by the hub's cluster of the
// moment, unless it is so joined. A namespace that has ended leaves them.
func (ns *Namespace) link() {
	old := ns.relink()
	if old == nil {
		return
	}
	if err := (*old).Close(); err != nil {
		ns.log().Error("leaving other nodes", zap.String("namespace", ns.name), zap.Error(err))
	}
}

// relink changes the adapter, and returns the one before if there was another.
func (ns *Namespace) relink() (old *cluster.Adapter) {
	ns.linking.Lock()
	defer ns.linking.Unlock() // even if the cluster panics
	c := ns.hub.clusterOf(ns)
	if c == ns.cluster {
		return nil
	}
	ns.cluster = c
	if c == nil {
		return ns.adapter.Swap(nil)
	}
	a, err := c.Open(ns.name, node{ns})
	if err != nil {
		ns.log().Error("namespace is not shared with other nodes", zap.String("namespace", ns.name), zap.Error(err))
		return ns.adapter.Swap(nil)
	}
	return ns.adapter.Swap(&a)
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

// everybody is the target that means all sockets of a namespace.
var everybody rooms.Target

// selections holds the lists that targets are resolved into.
var selections = sync.Pool{New: func() any { return new([]*Socket) }}

// each calls fn for each socket of a target, without a lock, and counts those
// for which it returned true.
func (ns *Namespace) each(t rooms.Target, fn func(*Socket) bool) (n int) {
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
