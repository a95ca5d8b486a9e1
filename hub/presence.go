package hub

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/glob"
	"github.com/caddy-socketio/caddy-socketio/internal/roster"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Presence says which rooms have members, and how the members are told apart. Sockets
// with the same key are one member of a room.
type Presence struct {
	// Rooms are names and globs of rooms. A star matches any text.
	Rooms []string
	// Key returns the key of a socket: at most [MaxMemberKey] bytes, without control
	// characters. A socket with an empty key is no member, and one whose key or data is
	// too large is no member either; a warning is logged. Key reads values of the socket
	// and must not do anything else: a lock is held. Nil means the socket's id.
	Key func(*Socket) string
	// Data are keys of the socket's data that members see, with at most
	// [MaxMemberData] bytes as JSON together. Of several sockets, the one counts that
	// joined or changed its data last.
	Data []string
	// Join and Leave are the events that the other members of the room get when a
	// member joins or leaves, with a [Member] and the name of the room as the
	// arguments. An empty one is not emitted. Each node emits them to its own sockets.
	Join, Leave string
	// Grace is how long a member may be absent. If it returns within that time it
	// neither left nor joined.
	Grace time.Duration
}

// Member is a member of a room with presence.
type Member struct {
	// Key tells the member from others.
	Key string `json:"key"`
	// Data are values of the data of its socket.
	Data json.RawMessage `json:"data"`
}

// Limits of members.
const (
	// MaxMemberKey is how many bytes the key of a member may have.
	MaxMemberKey = roster.MaxKey
	// MaxMemberData is how many bytes the data of a member may have.
	MaxMemberData = roster.MaxData
	// MaxMembers is how many members a list has at most, see [Namespace.Members].
	MaxMembers = 1000
	// maxMembersBytes is about how many bytes a list has at most. A queue may have more.
	maxMembersBytes = 256 << 10
)

// presence is one [Presence] of a namespace.
type presence struct {
	Presence
	rooms glob.List
}

// tracking is the rooms and counts that a namespace tracks. It is nil for a namespace that
// needs none of it.
type tracking struct {
	presences []presence
	watched   []glob.List // of the rules for RoomOccupied and RoomVacated; an empty list is all rooms
	counted   glob.List   // rooms whose sizes other nodes may need
	sizes     bool        // other nodes may need the size of the namespace
}

// newTracking returns the tracking that a config needs.
func newTracking(config *NamespaceConfig) *tracking {
	t := &tracking{counted: glob.NewList(config.ClusterRooms), sizes: config.ClusterSize}
	for _, p := range config.Presence {
		t.presences = append(t.presences, presence{p, glob.NewList(p.Rooms)})
	}
	for _, r := range config.Rules {
		if slices.ContainsFunc(r.Events, isRoomEvent) {
			t.watched = append(t.watched, glob.NewList(r.Rooms))
		}
	}
	if len(t.presences)+len(t.watched)+len(t.counted)+len(config.Every) == 0 && !t.sizes {
		return nil
	}
	return t
}

// isRoomEvent reports whether a name is the one of an event of a room.
func isRoomEvent(name string) bool {
	return name == string(RoomOccupied) || name == string(RoomVacated)
}

// presenceOf returns the presence of a room, nil if it has none. The first one counts.
func (t *tracking) presenceOf(room string) *presence {
	for i := range t.presences {
		if t.presences[i].rooms.Match(room) {
			return &t.presences[i]
		}
	}
	return nil
}

// isWatched reports whether a rule may handle events of a room.
func (t *tracking) isWatched(room string) bool {
	return slices.ContainsFunc(t.watched, func(rooms glob.List) bool { return len(rooms) == 0 || rooms.Match(room) })
}

// isCounted reports whether other nodes need the size of a room.
func (t *tracking) isCounted(room string) bool { return t.isWatched(room) || t.counted.Match(room) }

// memberOf returns the key and the data of a socket. An empty key means that the socket
// is no member. The error says why it can't be one.
func (p *presence) memberOf(s *Socket) (key string, data []byte, err error) {
	if key = s.id; p.Key != nil {
		key = p.Key(s)
	}
	if key == "" {
		return "", nil, nil
	}
	values := make(map[string]sio.Data, len(p.Data))
	s.mu.Lock()
	for _, name := range p.Data {
		if value, ok := s.data[name]; ok {
			values[name] = value
		}
	}
	s.mu.Unlock()
	data, err = jsonObject(values).MarshalJSON()
	if err == nil {
		err = roster.CheckMember(key, data)
	}
	return key, data, err
}

// errNoPresence is the error of a list of a room without presence.
var errNoPresence = &ClientError{Message: "the room has no presence"}

// Members returns up to limit members of a room on all nodes that come after a key, in
// the order of their keys, and the number of all members. A list has at most
// [MaxMembers] members and about 256 KB. The error says that the room has no presence.
func (ns *Namespace) Members(room, after string, limit int) (page []Member, total int, err error) {
	err = ns.readMembers(room, after, limit, func(members []Member, n int) error {
		page, total = members, n
		return nil
	})
	return page, total, err
}

// SendMembers sends a list of members, as [Namespace.Members] returns it, to the event's
// client: as the acknowledgement, with the arguments list and total, or in an event of
// that name unless it is empty. Events about members that the client gets later apply to
// this list. While the connect event is handled, the list is read and sent when the
// socket is connected.
func (ev *Event) SendMembers(event, room, after string, limit int) error {
	ns := ev.Namespace()
	if event == "" {
		return ns.readMembers(room, after, limit, func(members []Member, total int) error { return ev.Ack(members, total) })
	}
	var failed error
	send := func() {
		failed = ns.readMembers(room, after, limit, func(members []Member, total int) error {
			return ev.Socket.emitUnrecorded(event, members, total)
		})
	}
	if ev.Socket.whenConnected(send) {
		return failed
	}
	if ns.presenceOf(room) == nil {
		return errNoPresence
	}
	return nil
}

// presenceOf returns the presence of a room, nil if it has none.
func (ns *Namespace) presenceOf(room string) *presence {
	t := ns.tracker.Load()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.config.presenceOf(room)
}

// emitUnrecorded emits an event to the socket's client without waiting for an offset: the
// caller holds a lock.
func (s *Socket) emitUnrecorded(event string, args ...any) error {
	data, err := eventData(event, args)
	if err != nil {
		return err
	}
	op := cluster.Emit{Target: s.onlyTarget(), Data: data}
	plain, err := op.Encode(s.ns.name, "")
	if err != nil {
		return err
	}
	reached := false
	if r := s.ns.recorder(); r == nil || s.pid == "" {
		reached = s.deliverAlone(delivery{message: plain})
	} else {
		reached = s.ns.recordEmit(r, op, cluster.ThisNode, plain, s) > 0
	}
	if !reached {
		return ErrDisconnected
	}
	return nil
}
