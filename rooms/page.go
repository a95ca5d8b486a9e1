package rooms

import (
	"cmp"
	"slices"
	"strings"
)

// Room is the name and size of a room.
type Room struct {
	// Name is the room's name.
	Name string
	// Members is the number of its members, at least 1.
	Members int
}

// Page returns at most limit rooms whose names begin with prefix and sort after a
// name, in the order of the names' bytes. The name of the last room is the parameter
// after of the next page. A room with an empty name sorts after no name, so it is on
// no page.
//
// Page visits all rooms without stopping joins and leaves: it takes the lock part by
// part. A room that exists all the time is returned once; a room that is created or
// deleted meanwhile may be missing.
func (x *Index[M]) Page(prefix, after string, limit int) []Room {
	return x.PageFunc(prefix, after, limit, nil)
}

// PageFunc is [Index.Page] without the rooms of a single member for which skip reports
// true. It calls skip under its lock, so that skip must not use the index. Nil skips none.
func (x *Index[M]) PageFunc(prefix, after string, limit int, skip func(name string, only M) bool) []Room {
	return x.collectPage(&page{compare: compareNames, prefix: prefix, after: after, limit: limit}, skip)
}

// LargestFunc returns at most limit rooms, the ones with the most members first, and rooms
// of equal size in the order of their names. It visits and skips rooms as
// [Index.PageFunc] does.
func (x *Index[M]) LargestFunc(limit int, skip func(name string, only M) bool) []Room {
	return x.collectPage(&page{compare: compareSizes, limit: limit}, skip)
}

// compareNames orders rooms by their names.
func compareNames(a, b Room) int { return strings.Compare(a.Name, b.Name) }

// compareSizes orders rooms by their sizes, the largest first, then by their names.
func compareSizes(a, b Room) int {
	return cmp.Or(cmp.Compare(b.Members, a.Members), strings.Compare(a.Name, b.Name))
}

// collectPage visits all rooms but the skipped ones, and returns the page.
func (x *Index[M]) collectPage(p *page, skip func(name string, only M) bool) []Room {
	if p.limit <= 0 {
		return nil
	}
	parts := 0
	for i := 0; ; i++ {
		x.mu.RLock()
		if n := x.rooms.Parts(); n != parts {
			parts, i = n, 0 // the table was divided again
			p.startOver()
		}
		if i == parts {
			x.mu.RUnlock()
			return p.trimToLimit()
		}
		for name, r := range x.rooms.Part(i) {
			room := Room{name, len(r.members)}
			if p.acceptsRoom(room) && !(skip != nil && room.Members == 1 && skip(name, r.members[0])) {
				p.rooms = append(p.rooms, room)
			}
		}
		x.mu.RUnlock()
		if len(p.rooms)/2 >= p.limit {
			p.trimToLimit()
		}
	}
}

// page collects the first rooms of an order among the visited ones, and up to as many too
// many.
type page struct {
	compare       func(a, b Room) int
	prefix, after string
	limit         int
	rooms         []Room
	full          bool // there are limit rooms
	last          Room // when full: rooms from here on sort too late
}

// startOver drops the rooms seen so far.
func (p *page) startOver() { p.rooms, p.full = p.rooms[:0], false }

// acceptsRoom reports whether the room may be on the page.
func (p *page) acceptsRoom(r Room) bool {
	return strings.HasPrefix(r.Name, p.prefix) && r.Name > p.after && (!p.full || p.compare(r, p.last) < 0)
}

// trimToLimit sorts the rooms and drops the ones beyond the limit. Page calls it when
// there are twice as many, so that sorting costs little per visited room.
func (p *page) trimToLimit() []Room {
	slices.SortFunc(p.rooms, p.compare)
	if len(p.rooms) >= p.limit {
		p.rooms = p.rooms[:p.limit]
		p.full, p.last = true, p.rooms[p.limit-1]
	}
	return p.rooms
}
