package rooms

import (
	"errors"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/internal/table"
)

// ErrTooManyRooms is the error of a join that would exceed [Options.MaxRooms].
var ErrTooManyRooms = errors.New("too many rooms")

// ErrRoomFull is the error of [Index.JoinUpTo] for a room without a free place.
var ErrRoomFull = errors.New("room is full")

// Options are the settings of an [Index].
type Options struct {
	// MaxRooms is the largest number of rooms that [Index.Join] lets a member be in,
	// the room of its own id included. 0, the default, means no limit.
	MaxRooms int
}

// Index holds the members of a namespace and their rooms. Its methods are safe for
// concurrent use. The zero value is an empty index with the default options; it
// must not be copied after its first use.
//
// The index keeps the strings of room names as they are given: a name that is a part
// of a large text keeps the whole text in memory.
type Index[M comparable] struct {
	// Static after construction.
	maxRooms int

	// selections holds scratch space for Select, a *selection[M] each.
	selections sync.Pool

	// mu guards the following. It is held while memberships change and while members
	// are copied, never while a subscriber is called.
	mu            sync.RWMutex
	members       table.Table[M, *member[M]]
	rooms         table.Table[string, *room[M]]
	everyone      room[M]      // all members, by number
	records       []*member[M] // of everyone.members, by place
	notifications notifications[M]
}

// NewIndex returns an empty index.
func NewIndex[M comparable](o Options) *Index[M] {
	return &Index[M]{maxRooms: o.MaxRooms}
}

// Add adds m to the index and to rooms. [Options.MaxRooms] does not apply. If m is in
// the index already, it joins the rooms.
func (x *Index[M]) Add(m M, rooms ...string) {
	x.mu.Lock()
	defer x.unlockAndDeliver()
	p, known := x.members.Value(m)
	if !known {
		p = &member[M]{number: uint32(len(x.records))}
		x.members.Put(m, p)
		x.everyone.members = append(x.everyone.members, m)
		x.records = append(x.records, p)
	}
	for _, name := range rooms {
		x.joinRoom(p, m, name)
	}
}

// Join adds m to rooms: to all of them, or to none with [ErrTooManyRooms]. Rooms that m
// is in already stay as they are. An m that is not in the index joins no room, without
// an error: a socket may disconnect while a handler makes it join.
func (x *Index[M]) Join(m M, rooms ...string) error { return x.JoinFunc(0, nil, m, rooms...) }

// JoinUpTo is [Index.Join] for rooms of at most limit members, m included. If one of the
// rooms has as many members without m, m joins none, and the error is [ErrRoomFull].
func (x *Index[M]) JoinUpTo(limit int, m M, rooms ...string) error {
	return x.JoinFunc(limit, nil, m, rooms...)
}

// JoinFunc is [Index.JoinUpTo], without a limit if limit is 0, that calls joined for each
// room that m was not in before, unless joined is nil. No [Index.Select] runs meanwhile: it
// has finished before the join, or it finds m in all the rooms. So joined must not use the
// index, wait, or panic.
func (x *Index[M]) JoinFunc(limit int, joined func(room string), m M, rooms ...string) error {
	x.mu.Lock()
	defer x.unlockAndDeliver()
	p, known := x.members.Value(m)
	if !known {
		return nil
	}
	for _, name := range rooms {
		if limit <= 0 {
			break
		}
		if r, exists := x.rooms.Value(name); exists && len(r.members) >= limit && p.findMembership(r) < 0 {
			return ErrRoomFull
		}
	}
	if x.maxRooms > 0 && !x.fitsLimit(p, rooms) {
		return ErrTooManyRooms
	}
	for _, name := range rooms {
		if x.joinRoom(p, m, name) && joined != nil {
			joined(name)
		}
	}
	return nil
}

// Leave removes m from rooms. It ignores rooms that m is not in.
func (x *Index[M]) Leave(m M, rooms ...string) {
	x.mu.Lock()
	defer x.unlockAndDeliver()
	p, known := x.members.Value(m)
	if !known {
		return
	}
	for _, name := range rooms {
		r, exists := x.rooms.Value(name)
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

// Remove removes m from all its rooms, in the order of its joins, and from the index. It
// returns the names of the rooms.
func (x *Index[M]) Remove(m M) (names []string) {
	x.mu.Lock()
	defer x.unlockAndDeliver()
	p, known := x.members.Value(m)
	if !known {
		return nil
	}
	names = p.roomNames()
	for _, s := range p.memberships {
		if s.room != nil {
			x.removeFromRoom(s.room, s.place, m)
		}
	}
	x.members.Delete(m)
	x.releaseNumber(p.number)
	return names
}

// MembershipCost is how many bytes a membership takes in a room that has no other member,
// besides the room's name.
const MembershipCost = 208

// MemoryOf returns how many bytes the memberships of m take, if each room had no other
// member.
func (x *Index[M]) MemoryOf(m M) int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p, known := x.members.Value(m)
	if !known {
		return 0
	}
	return p.nameBytes + p.roomCount()*MembershipCost
}

// RoomsOf returns the names of the rooms that m is in, in the order of its joins.
func (x *Index[M]) RoomsOf(m M) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p, known := x.members.Value(m)
	if !known {
		return nil
	}
	return p.roomNames()
}

// Has reports whether m is in room.
func (x *Index[M]) Has(m M, room string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	r, exists := x.rooms.Value(room)
	if !exists {
		return false
	}
	p, known := x.members.Value(m)
	return known && p.findMembership(r) >= 0
}

// Size returns the number of members of room, 0 when there is no such room.
func (x *Index[M]) Size(room string) int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if r, exists := x.rooms.Value(room); exists {
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
	return x.rooms.Len()
}
