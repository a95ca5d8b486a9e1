package rooms

import (
	"errors"
	"sync"
)

// ErrTooManyRooms says that a member would be in more rooms than
// [Options.MaxRooms].
var ErrTooManyRooms = errors.New("too many rooms")

// Options are the settings of an [Index].
type Options struct {
	// MaxRooms is the number of rooms that a member may be in by [Index.Join],
	// the room of its own id included. 0, the default, means no limit.
	MaxRooms int
}

// Index is the members of a namespace and their rooms. Its methods are safe for
// concurrent use. The zero value is an empty index with the default options; it
// must not be copied after its first use.
//
// Room names are kept as they are given: a name that was cut out of a large text
// keeps all of it in memory.
type Index[M comparable] struct {
	// Static after construction.
	maxRooms int

	// selections holds what Select works with, a *selection[M] each.
	selections sync.Pool

	// mu guards the following. Held while seats change and while members are
	// copied out, never while anybody is called.
	mu            sync.RWMutex
	members       table[M, *member[M]]
	rooms         table[string, *room[M]]
	everyone      room[M]      // all members by number
	records       []*member[M] // of everyone.members, place by place
	notifications notifications[M]
}

// NewIndex returns an empty index.
func NewIndex[M comparable](o Options) *Index[M] {
	return &Index[M]{maxRooms: o.MaxRooms}
}

// Add makes m known and puts it into rooms, however many: [Options.MaxRooms] is
// not asked. For an m that is known already it just joins the rooms.
func (x *Index[M]) Add(m M, rooms ...string) {
	x.mu.Lock()
	defer x.unlockAndDeliver()
	p, known := x.members.getValue(m)
	if !known {
		p = &member[M]{number: uint32(len(x.records))}
		x.members.putEntry(m, p)
		x.everyone.members = append(x.everyone.members, m)
		x.records = append(x.records, p)
	}
	for _, name := range rooms {
		x.joinRoom(p, m, name)
	}
}

// Join puts m into rooms, into all or none of them. Those it is in already are
// fine. An m that is not known, or no longer, joins nothing, without an error.
// The error is [ErrTooManyRooms].
func (x *Index[M]) Join(m M, rooms ...string) error {
	x.mu.Lock()
	defer x.unlockAndDeliver()
	p, known := x.members.getValue(m)
	if !known {
		return nil
	}
	if x.maxRooms > 0 && !x.fitsLimit(p, rooms) {
		return ErrTooManyRooms
	}
	for _, name := range rooms {
		x.joinRoom(p, m, name)
	}
	return nil
}

// Leave takes m out of rooms. Those it is not in are fine.
func (x *Index[M]) Leave(m M, rooms ...string) {
	x.mu.Lock()
	defer x.unlockAndDeliver()
	p, known := x.members.getValue(m)
	if !known {
		return
	}
	for _, name := range rooms {
		r, exists := x.rooms.getValue(name)
		if !exists {
			continue
		}
		if i := p.findMembership(r); i >= 0 {
			place := p.memberships[i].place
			p.removeMembership(i)
			x.removeFromRoom(r, place, m)
		}
	}
}

// Remove takes m out of all its rooms, in the order in which it joined them, and
// forgets it.
func (x *Index[M]) Remove(m M) {
	x.mu.Lock()
	defer x.unlockAndDeliver()
	p, known := x.members.getValue(m)
	if !known {
		return
	}
	for _, s := range p.memberships {
		if s.room != nil {
			x.removeFromRoom(s.room, s.place, m)
		}
	}
	x.members.deleteEntry(m)
	x.releaseNumber(p.number)
}

// RoomsOf returns the names of the rooms that m is in, in the order in which it joined
// them.
func (x *Index[M]) RoomsOf(m M) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p, known := x.members.getValue(m)
	if !known {
		return nil
	}
	names := make([]string, 0, p.roomCount())
	for _, s := range p.memberships {
		if s.room != nil {
			names = append(names, s.room.name)
		}
	}
	return names
}

// Has reports whether m is in room.
func (x *Index[M]) Has(m M, room string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	r, exists := x.rooms.getValue(room)
	if !exists {
		return false
	}
	p, known := x.members.getValue(m)
	return known && p.findMembership(r) >= 0
}

// Size returns the number of members of room, 0 when there is no such room.
func (x *Index[M]) Size(room string) int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if r, exists := x.rooms.getValue(room); exists {
		return len(r.members)
	}
	return 0
}

// Len returns the number of members.
func (x *Index[M]) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.records)
}

// Rooms returns the number of rooms.
func (x *Index[M]) Rooms() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.rooms.length
}
