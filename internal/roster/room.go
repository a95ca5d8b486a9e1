package roster

import (
	"encoding/json"
	"slices"
	"time"
)

// room is the view of a room: the entries that nodes have about it.
type room struct {
	members    map[string]*member // by key
	order      keyOrder           // of members
	sizes      []sizeOf
	size       int     // of all nodes together
	announcers []*node // that announced the room as occupied
}

// sizeOf is the number of a node's sockets in a room.
type sizeOf struct {
	node  *node
	count int
}

// member is a key in a room. It is listed until its departure is announced.
type member struct {
	holders   []holder  // nodes with sockets of the key; none while it is absent
	current   int       // the holder whose data is shown
	data      []byte    // of the current or last holder
	departure time.Time // when an absent member leaves
	scheduled time.Time // of its entry in departures; zero without one
}

// holder is a node with sockets of a key.
type holder struct {
	node    *node
	version uint64
	data    []byte
}

// isEmpty reports whether no node has an entry about the room.
func (x *room) isEmpty() bool {
	return len(x.members) == 0 && len(x.sizes) == 0 && len(x.announcers) == 0
}

// holderOf returns the index of a node among the holders, -1 if it is not one.
func (m *member) holderOf(n *node) int {
	return slices.IndexFunc(m.holders, func(h holder) bool { return h.node == n })
}

// pickCurrent shows the data of the latest version. Nodes with the same holders show the
// same data.
func (m *member) pickCurrent() {
	if len(m.holders) == 0 {
		return
	}
	m.current = 0
	for i, h := range m.holders {
		best := m.holders[m.current]
		if h.version > best.version || h.version == best.version && h.node.id > best.node.id {
			m.current = i
		}
	}
	m.data = m.holders[m.current].data
}

// roomNamed returns the view of a room, and makes it if necessary.
func (r *Roster) roomNamed(name string) *room {
	x := r.rooms[name]
	if x == nil {
		x = new(room)
		r.rooms[name] = x
	}
	return x
}

// dropRoomIfEmpty removes the view of a room without entries.
func (r *Roster) dropRoomIfEmpty(name string, x *room) {
	if x.isEmpty() {
		delete(r.rooms, name)
	}
}

// putMember notes that a node has sockets of a key. A key that is new is announced,
// unless it is silent.
func (r *Roster) putMember(n *node, name entryName, h holder, silent bool) {
	x := r.roomNamed(name.room)
	m := x.members[name.key]
	isNew := m == nil
	if isNew {
		m = new(member)
		if x.members == nil {
			x.members = make(map[string]*member)
		}
		x.members[name.key] = m
		x.order.addKey(name.key)
	}
	if i := m.holderOf(n); i >= 0 {
		m.holders[i] = h
	} else {
		m.holders = append(m.holders, h)
	}
	m.departure = time.Time{}
	m.pickCurrent()
	if isNew && !silent {
		r.options.Announce(Announcement{Room: name.room, Member: Member{name.key, m.data}})
	}
}

// dropMember notes that a node has had no sockets of a key since a time.
func (r *Roster) dropMember(n *node, name entryName, since time.Time) {
	x := r.rooms[name.room]
	m := x.members[name.key]
	m.holders = slices.DeleteFunc(m.holders, func(h holder) bool { return h.node == n })
	m.pickCurrent()
	if len(m.holders) > 0 {
		return
	}
	m.departure = since.Add(r.options.Grace(name.room))
	if !m.departure.After(r.now) || !r.scheduleDeparture(name, m) {
		r.removeMember(name.room, name.key)
	}
}

// scheduleDeparture makes the departure of an absent member one of departures. A member that
// leaves and returns again and again has one entry: it is moved when its time has come. The
// result is false if too many members are absent.
func (r *Roster) scheduleDeparture(name entryName, m *member) bool {
	if !m.scheduled.IsZero() && !m.scheduled.After(m.departure) {
		return true
	}
	if len(r.departures) >= maxDepartures {
		return false
	}
	m.scheduled = m.departure
	r.departures.addDeparture(departure{m.departure, name.room, name.key})
	return true
}

// removeMember removes an absent member from the list, and announces that it left.
func (r *Roster) removeMember(roomName, key string) {
	x := r.rooms[roomName]
	m := x.members[key]
	delete(x.members, key)
	x.order.removeKey(key)
	r.dropRoomIfEmpty(roomName, x)
	r.options.Announce(Announcement{Room: roomName, Member: Member{key, m.data}, Left: true})
}

// removeDeparted removes the members that were absent for their grace period.
func (r *Roster) removeDeparted() {
	for len(r.departures) > 0 && !r.departures[0].at.After(r.now) {
		d := r.departures.popEarliest()
		x := r.rooms[d.room]
		if x == nil {
			continue
		}
		m := x.members[d.key]
		if m == nil || !m.scheduled.Equal(d.at) {
			continue
		}
		m.scheduled = time.Time{}
		if name := (entryName{memberEntry, d.room, d.key}); len(m.holders) == 0 && (!m.departure.After(r.now) || !r.scheduleDeparture(name, m)) {
			r.removeMember(d.room, d.key)
		}
	}
}

// putSize notes how many sockets a node has in a room.
func (r *Roster) putSize(n *node, name string, count int) {
	x := r.roomNamed(name)
	i := slices.IndexFunc(x.sizes, func(s sizeOf) bool { return s.node == n })
	if i >= 0 {
		x.size -= x.sizes[i].count
		x.sizes = slices.Delete(x.sizes, i, i+1)
	}
	if count > 0 {
		x.sizes = append(x.sizes, sizeOf{n, count})
		x.size += count
	}
	r.announceRoom(name, x)
	r.dropRoomIfEmpty(name, x)
}

// putAnnounced notes whether a node has announced a room as occupied.
func (r *Roster) putAnnounced(n *node, name string, announced bool) {
	x := r.roomNamed(name)
	x.announcers = slices.DeleteFunc(x.announcers, func(other *node) bool { return other == n })
	if announced {
		x.announcers = append(x.announcers, n)
	}
	r.dropRoomIfEmpty(name, x)
}

// putEntry applies an entry that is not removed.
func (r *Roster) putEntry(n *node, e *entry, silent bool) {
	n.entries[e.name()] = n.mark
	switch e.Kind {
	case memberEntry:
		r.putMember(n, e.name(), holder{n, e.Number, e.Data}, silent)
	case sizeEntry:
		r.putSize(n, e.Room, int(e.Number))
	case announcedEntry:
		r.putAnnounced(n, e.Room, true)
	}
}

// dropEntry removes an entry of a node, if it has it. A member has been absent since a
// time.
func (r *Roster) dropEntry(n *node, name entryName, since time.Time) {
	if _, ok := n.entries[name]; !ok {
		return
	}
	delete(n.entries, name)
	switch name.kind {
	case memberEntry:
		r.dropMember(n, name, since)
	case sizeEntry:
		r.putSize(n, name.room, 0)
	case announcedEntry:
		r.putAnnounced(n, name.room, false)
	}
}

// entryOf returns an entry of a node for a message. ok is false if it has none of that
// name.
func (r *Roster) entryOf(n *node, name entryName) (e entry, ok bool) {
	if _, ok := n.entries[name]; !ok {
		return e, false
	}
	e = entry{Kind: name.kind, Room: name.room, Key: name.key, Number: 1}
	x := r.rooms[name.room]
	switch name.kind {
	case memberEntry:
		m := x.members[name.key]
		h := m.holders[m.holderOf(n)]
		e.Data, e.Number = json.RawMessage(h.data), h.version
	case sizeEntry:
		i := slices.IndexFunc(x.sizes, func(s sizeOf) bool { return s.node == n })
		e.Number = uint64(x.sizes[i].count)
	}
	return e, true
}
