package rooms

import "slices"

// few is how many seats are searched one by one; more get a map. It is also the
// number of excepted members that is always looked up one by one.
const few = 16

// room is a room's members. Guarded by Index.mu.
type room[M comparable] struct {
	name    string
	members []M
	numbers []uint32 // of the members, place by place; nil of everyone
}

// number returns the number of the member at a place.
func (r *room[M]) number(place int) uint32 {
	if r.numbers == nil {
		return uint32(place) // everyone is sorted by number
	}
	return r.numbers[place]
}

// seat is a member's place in a room.
type seat[M comparable] struct {
	room  *room[M] // nil: left, and not yet swept; only when there is a map
	place uint32   // in room.members
}

// member is what is known of a member. Guarded by Index.mu.
type member[M comparable] struct {
	number uint32 // place in Index.everyone
	seats  []seat[M]
	// at finds seats when they are not few; nil otherwise. Positions in seats
	// are kept then by leaving holes.
	at map[*room[M]]int
}

// count returns the number of rooms that the member is in.
func (p *member[M]) count() int {
	if p.at != nil {
		return len(p.at)
	}
	return len(p.seats)
}

// find returns where in seats that of a room is, -1 when there is none.
func (p *member[M]) find(r *room[M]) int {
	if p.at != nil {
		if i, ok := p.at[r]; ok {
			return i
		}
		return -1
	}
	for i := range p.seats {
		if p.seats[i].room == r {
			return i
		}
	}
	return -1
}

// sit adds a seat.
func (p *member[M]) sit(r *room[M], place uint32) {
	p.seats = append(p.seats, seat[M]{r, place})
	switch {
	case p.at != nil:
		p.at[r] = len(p.seats) - 1
	case len(p.seats) > few:
		p.mapSeats()
	}
}

// rise takes the seat at i away.
func (p *member[M]) rise(i int) {
	if p.at == nil {
		p.seats = shrunk(slices.Delete(p.seats, i, i+1))
		return
	}
	delete(p.at, p.seats[i].room)
	p.seats[i] = seat[M]{}
	if len(p.at) <= len(p.seats)/2 {
		p.sweep()
	}
}

// sweep takes the holes out of seats, in memory of the size that is left.
func (p *member[M]) sweep() {
	left := make([]seat[M], 0, len(p.at))
	for _, s := range p.seats {
		if s.room != nil {
			left = append(left, s)
		}
	}
	p.seats, p.at = left, nil
	if len(left) > few {
		p.mapSeats()
	}
}

func (p *member[M]) mapSeats() {
	p.at = make(map[*room[M]]int, len(p.seats))
	for i, s := range p.seats {
		p.at[s.room] = i
	}
}

// enter puts p, which is m, into a room, unless it is there.
func (x *Index[M]) enter(p *member[M], m M, name string) {
	r, exists := x.rooms.get(name)
	switch {
	case !exists:
		r = &room[M]{name: name}
		x.rooms.put(name, r)
		x.news.add(Create, name, m)
	case p.find(r) >= 0:
		return
	}
	p.sit(r, uint32(len(r.members)))
	r.members = append(r.members, m)
	r.numbers = append(r.numbers, p.number)
	x.news.add(Join, name, m)
}

// vacate takes m from its place in a room, which the room's last member gets.
// The seat of m is the caller's business.
func (x *Index[M]) vacate(r *room[M], place uint32, m M) {
	last := len(r.members) - 1
	if int(place) != last {
		moved := x.records[r.numbers[last]]
		moved.seats[moved.find(r)].place = place
	}
	r.members = without(r.members, place)
	r.numbers = without(r.numbers, place)
	x.news.add(Leave, r.name, m)
	if last == 0 {
		x.rooms.drop(r.name)
		x.news.add(Delete, r.name, m)
	}
}

// renumber lets go of a number, which the member with the highest one gets.
func (x *Index[M]) renumber(free uint32) {
	last := x.records[len(x.records)-1]
	if last.number != free {
		last.number = free
		for _, s := range last.seats {
			if s.room != nil {
				s.room.numbers[s.place] = free
			}
		}
	}
	x.everyone.members = without(x.everyone.members, free)
	x.records = without(x.records, free)
}

// fits reports whether p may join rooms besides those it is in.
func (x *Index[M]) fits(p *member[M], rooms []string) bool {
	left := x.maxRooms - p.count()
	if len(rooms) <= left {
		return true
	}
	fresh := make(map[string]struct{}) // rooms may name one twice
	for _, name := range rooms {
		if r, exists := x.rooms.get(name); exists && p.find(r) >= 0 {
			continue
		}
		if fresh[name] = struct{}{}; len(fresh) > left {
			return false
		}
	}
	return true
}

// without returns s with its last element in the place of another.
func without[E any](s []E, place uint32) []E {
	last := len(s) - 1
	s[place] = s[last]
	clear(s[last:]) // or it would keep a member alive
	return shrunk(s[:last])
}

// shrunk returns s, in less memory when it uses only a quarter of it.
func shrunk[E any](s []E) []E {
	if cap(s) <= 8 || len(s) > cap(s)/4 {
		return s
	}
	return append(make([]E, 0, cap(s)/2), s...)
}
