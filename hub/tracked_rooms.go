package hub

import (
	"bytes"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/roster"
	"go.uber.org/zap"
)

// socketRoom is a socket in a room with presence.
type socketRoom struct {
	socket *Socket
	room   string
}

// memberKey is a member of a room.
type memberKey struct{ room, key string }

// memberValues are the key and the data of a socket, as it is a member of rooms. They do not
// change: a socket whose values change gets others. All rooms of a socket share them.
type memberValues struct {
	presence *presence
	key      string // empty for a socket that is no member
	data     roster.Data
	rooms    int // in which the socket has these values
}

// memberReader reads the key and the data of a socket once for many rooms. A client
// chooses their sizes, and a lock is held.
type memberReader struct {
	socket *Socket
	reads  []memberRead // one for each presence
}

// memberRead is the result of one read.
type memberRead struct {
	values *memberValues
	err    error
}

// readFor returns the values of [presence.memberOf]. They are the latest ones of the socket
// unless these differ.
func (r *memberReader) readFor(t *tracker, p *presence) (*memberValues, error) {
	for _, read := range r.reads {
		if read.values.presence == p {
			return read.values, read.err
		}
	}
	key, data, err := p.memberOf(r.socket)
	if err != nil {
		key, data = "", nil
	}
	values, _ := t.latest.Value(r.socket)
	if values == nil || values.presence != p || values.key != key || !bytes.Equal(values.data.JSON, data) {
		values = &memberValues{presence: p, key: key, data: roster.Data{JSON: bytes.Clone(data)}}
	}
	r.reads = append(r.reads, memberRead{values, err})
	return values, err
}

// trackRooms reports that a socket joined or left rooms. The index has changed already.
func (ns *Namespace) trackRooms(s *Socket, names []string) {
	if t := ns.tracker.Load(); t != nil {
		t.update(func(now time.Time) { t.compareRooms(now, s, names, t.config) })
	}
}

// removeFromRooms removes a socket from the index, and reports that. Another goroutine may
// add it to a room until then: the index knows the rooms.
func (ns *Namespace) removeFromRooms(s *Socket) {
	ns.trackRooms(s, ns.index.Remove(s))
}

// trackValues reports that the data or the values of a socket changed.
func (ns *Namespace) trackValues(s *Socket) {
	t := ns.tracker.Load()
	if t == nil {
		return
	}
	t.update(func(now time.Time) {
		if len(t.config.presences) == 0 {
			return
		}
		reader := memberReader{socket: s}
		for _, room := range ns.index.RoomsOf(s) {
			if p := t.config.presenceOf(room); p != nil && room != s.id {
				t.compareMember(now, p, &reader, room, false)
			}
		}
	})
}

// compareRooms makes the tracker's state of rooms the one of the index, as far as it
// concerns a socket. A member of a room that had no presence by the config before is not
// announced. The caller holds mu.
func (t *tracker) compareRooms(now time.Time, s *Socket, names []string, before *tracking) {
	reader := memberReader{socket: s}
	for _, room := range names {
		if room == s.id || room == "" {
			continue
		}
		if t.config.isCounted(room) {
			t.roster.SetSize(now, room, t.ns.index.Size(room))
		}
		if p := t.config.presenceOf(room); p != nil {
			silent := before != t.config && before.presenceOf(room) == nil
			t.compareMember(now, p, &reader, room, silent)
		}
	}
	if t.config.sizes {
		t.roster.SetSize(now, "", t.ns.index.Len())
	}
}

// compareMember makes a socket a member of a room if it is in the room. The caller holds
// mu.
func (t *tracker) compareMember(now time.Time, p *presence, reader *memberReader, room string, silent bool) {
	place := socketRoom{reader.socket, room}
	old, _ := t.members.Value(place)
	if !t.ns.index.Has(place.socket, room) {
		if old != nil {
			t.dropSocket(now, place, old)
		}
		return
	}
	values, err := reader.readFor(t, p)
	if err != nil {
		t.warnMember(room, err)
	}
	if old != nil && old.key != values.key {
		t.dropSocket(now, place, old)
	}
	if values.key == "" {
		return
	}
	t.setValues(place, values)
	member := memberKey{room, values.key}
	if list, _ := t.sockets.Value(member); len(list) == 0 || list[len(list)-1] != place.socket {
		list = slices.DeleteFunc(list, func(other *Socket) bool { return other == place.socket })
		t.setSockets(member, append(list, place.socket))
	}
	t.roster.SetMember(now, room, values.key, &values.data, silent)
}

// dropSocket removes a socket from the members of a room. Another socket with the same
// key shows its data from now on. The caller holds mu.
func (t *tracker) dropSocket(now time.Time, place socketRoom, values *memberValues) {
	t.setValues(place, nil)
	member := memberKey{place.room, values.key}
	list, _ := t.sockets.Value(member)
	list = slices.DeleteFunc(list, func(other *Socket) bool { return other == place.socket })
	t.setSockets(member, list)
	if len(list) == 0 {
		t.roster.RemoveMember(now, place.room, values.key)
		return
	}
	last, _ := t.members.Value(socketRoom{list[len(list)-1], place.room})
	t.roster.SetMember(now, place.room, values.key, &last.data, false)
}

// setSockets sets the sockets of a member. The caller holds mu.
func (t *tracker) setSockets(member memberKey, list []*Socket) {
	if len(list) > 0 {
		t.sockets.Set(member, list)
	} else if _, known := t.sockets.Value(member); known {
		t.sockets.Delete(member)
	}
}

// warnMember logs that a socket can't be a member of a room.
func (t *tracker) warnMember(room string, err error) {
	if t.ns.hub.memberWarnings.admitKey(t.ns.name + " " + room) {
		t.ns.log().Warn("a socket is no member of a room with presence",
			zap.String("namespace", t.ns.name), zap.String("room", RoomForLog(t.ns, room)), zap.Error(err))
	}
}
