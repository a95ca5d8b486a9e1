package rooms

import "slices"

// linearSearchLimit is how many seats are searched one by one; more get a map. It is also the
// number of excepted members that is always looked up one by one.
const linearSearchLimit = 16

// room is a room's members. Guarded by Index.mu.
type room[M comparable] struct {
	name    string
	members []M
	numbers []uint32 // of the members, place by place; nil of everyone
}

// numberAt returns the number of the member at a place.
func (r *room[M]) numberAt(place int) uint32 {
	if r.numbers == nil {
		return uint32(place) // everyone is sorted by number
	}
	return r.numbers[place]
}

// membership is a member's place in a room.
type membership[M comparable] struct {
	room  *room[M] // nil: left, and not yet swept; only when there is a map
	place uint32   // in room.members
}

// member is what is known of a member. Guarded by Index.mu.
type member[M comparable] struct {
	number      uint32 // place in Index.everyone
	memberships []membership[M]
	// at finds seats when they are not few; nil otherwise. Positions in seats
	// are kept then by leaving holes.
	positions map[*room[M]]int
}

// roomCount returns the number of rooms that the member is in.
func (p *member[M]) roomCount() int {
	if p.positions != nil {
		return len(p.positions)
	}
	return len(p.memberships)
}

// findMembership returns where in seats that of a room is, -1 when there is none.
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

// addMembership adds a seat.
func (p *member[M]) addMembership(r *room[M], place uint32) {
	p.memberships = append(p.memberships, membership[M]{r, place})
	switch {
	case p.positions != nil:
		p.positions[r] = len(p.memberships) - 1
	case len(p.memberships) > linearSearchLimit:
		p.indexMemberships()
	}
}

// removeMembership takes the seat at i away.
func (p *member[M]) removeMembership(i int) {
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

// compactMemberships takes the holes out of seats, in memory of the size that is left.
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

func (p *member[M]) indexMemberships() {
	p.positions = make(map[*room[M]]int, len(p.memberships))
	for i, s := range p.memberships {
		p.positions[s.room] = i
	}
}

// joinRoom puts p, which is m, into a room, unless it is there.
func (x *Index[M]) joinRoom(p *member[M], m M, name string) {
	r, exists := x.rooms.getValue(name)
	switch {
	case !exists:
		r = &room[M]{name: name}
		x.rooms.putEntry(name, r)
		x.notifications.enqueueEvent(Create, name, m)
	case p.findMembership(r) >= 0:
		return
	}
	p.addMembership(r, uint32(len(r.members)))
	r.members = append(r.members, m)
	r.numbers = append(r.numbers, p.number)
	x.notifications.enqueueEvent(Join, name, m)
}

// removeFromRoom takes m from its place in a room, which the room's last member gets.
// The seat of m is the caller's business.
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
		x.rooms.deleteEntry(r.name)
		x.notifications.enqueueEvent(Delete, r.name, m)
	}
}

// releaseNumber lets go of a number, which the member with the highest one gets.
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

// fitsLimit reports whether p may join rooms besides those it is in.
func (x *Index[M]) fitsLimit(p *member[M], rooms []string) bool {
	left := x.maxRooms - p.roomCount()
	if len(rooms) <= left {
		return true
	}
	fresh := make(map[string]struct{}) // rooms may name one twice
	for _, name := range rooms {
		if r, exists := x.rooms.getValue(name); exists && p.findMembership(r) >= 0 {
			continue
		}
		if fresh[name] = struct{}{}; len(fresh) > left {
			return false
		}
	}
	return true
}

// removeAt returns s with its last element in the place of another.
func removeAt[E any](s []E, place uint32) []E {
	last := len(s) - 1
	s[place] = s[last]
	clear(s[last:]) // or it would keep a member alive
	return shrinkSlice(s[:last])
}

// shrinkSlice returns s, in less memory when it uses only a quarter of it.
func shrinkSlice[E any](s []E) []E {
	if cap(s) <= 8 || len(s) > cap(s)/4 {
		return s
	}
	return append(make([]E, 0, cap(s)/2), s...)
}
