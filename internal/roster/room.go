package roster

import (
	"slices"
	"time"
)

// room is the view of a room: the entries that nodes have about it.
type room struct {
	members    memberList
	sizes      []sizeOf
	size       int     // of all nodes together
	announcers []*node // that announced the room as occupied
}

// sizeOf is the number of a node's sockets in a room.
type sizeOf struct {
	node  *node
	count int
}

// isEmpty reports whether no node has an entry about the room.
func (x *room) isEmpty() bool {
	return x.members.length == 0 && len(x.sizes) == 0 && len(x.announcers) == 0
}

// roomNamed returns the view of a room, and makes it if necessary.
func (r *Roster) roomNamed(name string) *room {
	x, _ := r.rooms.Value(name)
	if x == nil {
		x = new(room)
		r.rooms.Put(name, x)
	}
	return x
}

// dropRoomIfEmpty removes the view of a room without entries.
func (r *Roster) dropRoomIfEmpty(name string, x *room) {
	if _, known := r.rooms.Value(name); known && x.isEmpty() {
		r.rooms.Delete(name)
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
	name := e.name()
	if _, known := n.entries.Value(name); !known {
		r.chargeEntry(n, name, 1)
	}
	n.entries.Set(name, n.mark)
	switch e.Kind {
	case memberEntry:
		data := e.shared
		if data == nil {
			data = &Data{JSON: e.Data}
		}
		r.putMember(n, name, holder{n, e.Number, data}, silent)
	case sizeEntry:
		r.putSize(n, e.Room, int(e.Number))
	case announcedEntry:
		r.putAnnounced(n, e.Room, true)
	}
}

// dropEntry removes an entry of a node, if it has it. A member has been absent since a
// time.
func (r *Roster) dropEntry(n *node, name entryName, since time.Time) {
	if _, ok := n.entries.Value(name); !ok {
		return
	}
	n.entries.Delete(name)
	r.chargeEntry(n, name, -1)
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
	if _, ok := n.entries.Value(name); !ok {
		return e, false
	}
	e = entry{Kind: name.kind, Room: name.room, Key: name.key, Number: 1}
	x, _ := r.rooms.Value(name.room)
	switch name.kind {
	case memberEntry:
		m := x.members.findMember(name.key)
		h := m.holders[m.holderOf(n)]
		e.Data, e.Number = h.data.JSON, h.version
	case sizeEntry:
		i := slices.IndexFunc(x.sizes, func(s sizeOf) bool { return s.node == n })
		e.Number = uint64(x.sizes[i].count)
	}
	return e, true
}
