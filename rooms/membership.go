package rooms

import "slices"

// linearSearchLimit is how many memberships are searched one by one; a member with more
// gets a map. It is also the number of exceptions that are always looked up one by one.
const linearSearchLimit = 16

// room holds the members of a room. Guarded by Index.mu.
type room[M comparable] struct {
	name    string
	members []M
	numbers []uint32 // of the members, by place; nil for everyone
}

// numberAt returns the number of the member at a place.
func (r *room[M]) numberAt(place int) uint32 {
	if r.numbers == nil {
		return uint32(place) // everyone is ordered by number
	}
	return r.numbers[place]
}

// membership is a member's place in a room.
type membership[M comparable] struct {
	room  *room[M] // nil: left, and not yet compacted; only when there is a map
	place uint32   // in room.members
}

// member is the record of a member. Guarded by Index.mu.
type member[M comparable] struct {
	number      uint32 // place in Index.everyone
	nameBytes   int    // of the names of the rooms
	memberships []membership[M]
	// positions finds memberships by room when there are more than linearSearchLimit,
	// and is nil otherwise. A leave makes a hole then, so that positions stay right.
	positions map[*room[M]]int
}

// roomCount returns the number of rooms that the member is in.
func (p *member[M]) roomCount() int {
	if p.positions != nil {
		return len(p.positions)
	}
	return len(p.memberships)
}

// roomNames returns the names of the member's rooms, in the order of its joins.
func (p *member[M]) roomNames() []string {
	names := make([]string, 0, p.roomCount())
	for _, s := range p.memberships {
		if s.room != nil {
			names = append(names, s.room.name)
		}
	}
	return names
}

// findMembership returns the position of a room in memberships, -1 if there is none.
func (p *member[M]) findMembership(r *room[M]) int {
	if p.positions != nil {
		if i, ok := p.positions[r]; ok {
			return i
		}
		return -1
	}
	for i := range p.memberships {
		if p.memberships[i].room == r {
			return i
		}
	}
	return -1
}

// addMembership appends a membership.
func (p *member[M]) addMembership(r *room[M], place uint32) {
	p.memberships = append(p.memberships, membership[M]{r, place})
	p.nameBytes += len(r.name)
	switch {
	case p.positions != nil:
		p.positions[r] = len(p.memberships) - 1
	case len(p.memberships) > linearSearchLimit:
		p.indexMemberships()
	}
}

// removeMembership removes the membership at position i.
func (p *member[M]) removeMembership(i int) {
	p.nameBytes -= len(p.memberships[i].room.name)
	if p.positions == nil {
		p.memberships = shrinkSlice(slices.Delete(p.memberships, i, i+1))
		return
	}
	delete(p.positions, p.memberships[i].room)
	p.memberships[i] = membership[M]{}
	if len(p.positions) <= len(p.memberships)/2 {
		p.compactMemberships()
	}
}

// compactMemberships copies memberships without holes to a slice of the right size.
func (p *member[M]) compactMemberships() {
	left := make([]membership[M], 0, len(p.positions))
	for _, s := range p.memberships {
		if s.room != nil {
			left = append(left, s)
		}
	}
	p.memberships, p.positions = left, nil
	if len(left) > linearSearchLimit {
		p.indexMemberships()
	}
}

// indexMemberships makes the map of positions.
func (p *member[M]) indexMemberships() {
	p.positions = make(map[*room[M]]int, len(p.memberships))
	for i, s := range p.memberships {
		p.positions[s.room] = i
	}
}

// joinRoom adds member m with record p to a room. It reports false if m is in the room
// already.
func (x *Index[M]) joinRoom(p *member[M], m M, name string) bool {
	r, exists := x.rooms.Value(name)
	switch {
	case !exists:
		r = &room[M]{name: name}
		x.rooms.Put(name, r)
		x.notifications.enqueueEvent(Create, name, m)
	case p.findMembership(r) >= 0:
		return false
	}
	p.addMembership(r, uint32(len(r.members)))
	r.members = append(r.members, m)
	r.numbers = append(r.numbers, p.number)
	x.notifications.enqueueEvent(Join, name, m)
	return true
}

// removeFromRoom removes m from its place in a room; the room's last member moves
// there. The caller removes the membership of m.
func (x *Index[M]) removeFromRoom(r *room[M], place uint32, m M) {
	last := len(r.members) - 1
	if int(place) != last {
		moved := x.records[r.numbers[last]]
		moved.memberships[moved.findMembership(r)].place = place
	}
	r.members = removeAt(r.members, place)
	r.numbers = removeAt(r.numbers, place)
	x.notifications.enqueueEvent(Leave, r.name, m)
	if last == 0 {
		x.rooms.Delete(r.name)
		x.notifications.enqueueEvent(Delete, r.name, m)
	}
}

// releaseNumber frees a number, and gives it to the member with the highest one.
func (x *Index[M]) releaseNumber(free uint32) {
	last := x.records[len(x.records)-1]
	if last.number != free {
		last.number = free
		for _, s := range last.memberships {
			if s.room != nil {
				s.room.numbers[s.place] = free
			}
		}
	}
	x.everyone.members = removeAt(x.everyone.members, free)
	x.records = removeAt(x.records, free)
}

// fitsLimit reports whether p may join rooms without exceeding maxRooms.
func (x *Index[M]) fitsLimit(p *member[M], rooms []string) bool {
	left := x.maxRooms - p.roomCount()
	if len(rooms) <= left {
		return true
	}
	fresh := make(map[string]struct{}) // rooms may contain a name twice
	for _, name := range rooms {
		if r, exists := x.rooms.Value(name); exists && p.findMembership(r) >= 0 {
			continue
		}
		if fresh[name] = struct{}{}; len(fresh) > left {
			return false
		}
	}
	return true
}

// removeAt returns s without the element at place; the last element moves there.
func removeAt[E any](s []E, place uint32) []E {
	last := len(s) - 1
	s[place] = s[last]
	clear(s[last:]) // otherwise it keeps a member alive
	return shrinkSlice(s[:last])
}

// shrinkSlice returns s, copied to half the memory when it uses a quarter of it or less.
func shrinkSlice[E any](s []E) []E {
	if cap(s) <= 8 || len(s) > cap(s)/4 {
		return s
	}
	return append(make([]E, 0, cap(s)/2), s...)
}
