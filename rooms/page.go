package rooms

import (
	"cmp"
	"slices"
	"strings"
)

// Room is a room's name and size.
type Room struct {
	// Name is the room's name.
	Name string
	// Members is the number of its members, at least 1.
	Members int
}

// Page returns rooms in the order of their names, which is that of their bytes:
// those that begin with prefix and come after a name, at most limit. The name of
// the last one is the after of the next page. A room whose name is empty comes
// after no name, so it is on no page.
//
// All rooms are looked at, but joining and leaving goes on meanwhile: a room that
// exists all the time is there once, one that comes or goes may be there or not.
func (x *Index[M]) Page(prefix, after string, limit int) []Room {
	if limit <= 0 {
		return nil
	}
	p := page{prefix: prefix, after: after, limit: limit}
	parts := 0
	for i := 0; ; i++ {
		x.mu.RLock()
		if n := len(x.rooms.parts); n != parts {
			parts, i = n, 0 // divided anew
			p.startOver()
		}
		if i == parts {
			x.mu.RUnlock()
			return p.trimToLimit()
		}
		for name, r := range x.rooms.parts[i].entries {
			if p.acceptsName(name) {
				p.rooms = append(p.rooms, Room{name, len(r.members)})
			}
		}
		x.mu.RUnlock()
		if len(p.rooms)/2 >= limit {
			p.trimToLimit()
		}
	}
}

// page is the first rooms among those seen so far, and some that are too many.
type page struct {
	prefix, after string
	limit         int
	rooms         []Room
	full          bool   // limit rooms are there
	last          string // once full: names from here on come too late
}

func (p *page) startOver() { p.rooms, p.full = p.rooms[:0], false }

func (p *page) acceptsName(name string) bool {
	return strings.HasPrefix(name, p.prefix) && name > p.after && (!p.full || name < p.last)
}

// trimToLimit sorts the rooms and forgets those beyond the limit. It is called when there
// are twice as many, so sorting costs little for each room seen.
func (p *page) trimToLimit() []Room {
	slices.SortFunc(p.rooms, func(a, b Room) int { return cmp.Compare(a.Name, b.Name) })
	if len(p.rooms) >= p.limit {
		p.rooms = p.rooms[:p.limit]
		p.full, p.last = true, p.rooms[p.limit-1].Name
	}
	return p.rooms
}
