package hub

import (
	"hash/maphash"
	"sync"

	"go.uber.org/zap"
)

// roomChange is a room that became occupied or vacated.
type roomChange struct {
	room     string
	occupied bool
}

const (
	roomLanes = 16   // rooms whose events are handled at a time
	maxLane   = 4096 // events that wait in a lane; more are dropped
)

// roomEvents handles the events of rooms: the ones of a room one after another, in order,
// and the ones of different rooms at the same time, roomLanes at most.
type roomEvents struct {
	ns    *Namespace
	lanes [roomLanes]roomLane
}

// roomLane is the events of some rooms. A goroutine handles them, and ends when there are
// none.
type roomLane struct {
	mu        sync.Mutex // guards the following; a leaf
	changes   []roomChange
	hasRunner bool
}

var roomSeed = maphash.MakeSeed()

// addChange adds an event. It does not wait.
func (e *roomEvents) addChange(c roomChange) {
	lane := &e.lanes[maphash.String(roomSeed, c.room)%roomLanes]
	lane.mu.Lock()
	full := len(lane.changes) >= maxLane
	if !full {
		lane.changes = append(lane.changes, c)
	}
	start := !full && !lane.hasRunner
	lane.hasRunner = lane.hasRunner || start
	lane.mu.Unlock()
	if full && e.ns.hub.memberWarnings.admitKey(e.ns.name+" room events") {
		e.ns.log().Warn("events of rooms are dropped: their handlers take too long", zap.String("namespace", e.ns.name))
	}
	if start {
		e.ns.hub.spawn("room events", func() { e.handleLane(lane) }) // ends when the lane is empty
	}
}

// handleLane handles the events of a lane until there are none.
func (e *roomEvents) handleLane(lane *roomLane) {
	for c, ok := lane.popChange(); ok; c, ok = lane.popChange() {
		event := RoomVacated
		if c.occupied {
			event = RoomOccupied
		}
		e.ns.handleRoomEvent(event, c.room)
	}
}

// popChange removes the first event. ok is false if there is none: then the goroutine ends.
func (l *roomLane) popChange() (c roomChange, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.changes) == 0 {
		l.hasRunner, l.changes = false, nil
		return c, false
	}
	c = l.changes[0]
	l.changes = l.changes[1:]
	return c, true
}
