package hub

import (
	"slices"
	"time"

	"go.uber.org/zap"
)

// roomMembers are the sockets of this node in a room with presence.
type roomMembers struct {
	keys    map[*Socket]string   // the key of each; empty for one that is no member
	sockets map[string][]*Socket // by key; the last one joined or changed its data last
}

// memberReader reads the key and the data of a socket once for many rooms. A client
// chooses their sizes, and a lock is held.
type memberReader struct {
	socket   *Socket
	presence *presence // of the values; nil before the first read
	key      string
	data     []byte
	err      error
}

// readFor returns the values of [presence.memberOf].
func (r *memberReader) readFor(p *presence) (key string, data []byte, err error) {
	if r.presence != p {
		r.presence = p
		r.key, r.data, r.err = p.memberOf(r.socket)
	}
	return r.key, r.data, r.err
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
		values := memberReader{socket: s}
		for _, room := range ns.index.RoomsOf(s) {
			if p := t.config.presenceOf(room); p != nil && room != s.id {
				t.compareMember(now, p, &values, room, false)
			}
		}
	})
}

// compareRooms makes the tracker's state of rooms the one of the index, as far as it
// concerns a socket. A member of a room that had no presence by the config before is not
// announced. The caller holds mu.
func (t *tracker) compareRooms(now time.Time, s *Socket, names []string, before *tracking) {
	values := memberReader{socket: s}
	for _, room := range names {
		if room == s.id || room == "" {
			continue
		}
		if t.config.isCounted(room) {
			t.roster.SetSize(now, room, t.ns.index.Size(room))
		}
		if p := t.config.presenceOf(room); p != nil {
			silent := before != t.config && before.presenceOf(room) == nil
			t.compareMember(now, p, &values, room, silent)
		}
	}
	if t.config.sizes {
		t.roster.SetSize(now, "", t.ns.index.Len())
	}
}

// compareMember makes a socket a member of a room if it is in the room. The caller holds
// mu.
func (t *tracker) compareMember(now time.Time, p *presence, values *memberReader, room string, silent bool) {
	s, m := values.socket, t.members[room]
	if !t.ns.index.Has(s, room) {
		if m != nil {
			t.dropSocket(now, p, s, room, m)
		}
		return
	}
	if m == nil {
		m = &roomMembers{keys: make(map[*Socket]string), sockets: make(map[string][]*Socket)}
		t.members[room] = m
	}
	key, data, err := values.readFor(p)
	if err != nil {
		t.warnMember(room, err)
		key = ""
	}
	if old, known := m.keys[s]; known && old != key {
		t.dropSocket(now, p, s, room, m)
		t.members[room] = m
	}
	m.keys[s] = key
	if key == "" {
		return
	}
	if list := m.sockets[key]; len(list) == 0 || list[len(list)-1] != s {
		list = slices.DeleteFunc(list, func(other *Socket) bool { return other == s })
		m.sockets[key] = append(list, s)
	}
	t.roster.SetMember(now, room, key, data, silent)
}

// dropSocket removes a socket from the members of a room. Another socket with the same
// key shows its data from now on. The caller holds mu.
func (t *tracker) dropSocket(now time.Time, p *presence, s *Socket, room string, m *roomMembers) {
	key, known := m.keys[s]
	if !known {
		return
	}
	delete(m.keys, s)
	if len(m.keys) == 0 {
		delete(t.members, room)
	}
	if key == "" {
		return
	}
	list := slices.DeleteFunc(m.sockets[key], func(other *Socket) bool { return other == s })
	if len(list) == 0 {
		delete(m.sockets, key)
		t.roster.RemoveMember(now, room, key)
		return
	}
	m.sockets[key] = list
	if current, data, err := p.memberOf(list[len(list)-1]); err == nil && current == key {
		t.roster.SetMember(now, room, key, data, false)
	}
}

// warnMember logs that a socket can't be a member of a room.
func (t *tracker) warnMember(room string, err error) {
	if t.ns.hub.memberWarnings.admitKey(t.ns.name + " " + room) {
		t.ns.log().Warn("a socket is no member of a room with presence",
			zap.String("namespace", t.ns.name), zap.String("room", RoomForLog(t.ns, room)), zap.Error(err))
	}
}
