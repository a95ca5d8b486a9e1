package hub

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/roster"
)

const (
	// maxAbsentTotal is how many bytes absent members of a hub take, and at most an eighth of the
	// memory limit.
	maxAbsentTotal = 128 << 20
	// memberCost is how many bytes a socket takes as a member of a room that has no other one,
	// besides its key, its data and the room's name.
	memberCost = roster.MemberCost + 160
	// valuesCost is how many bytes the values of a member take, besides the data.
	valuesCost = 120
)

// setValues sets the values of a socket in a room, or with nil removes them. It charges the
// socket's connection as if no other socket had the key. The caller holds mu.
func (t *tracker) setValues(place socketRoom, values *memberValues) {
	old, _ := t.members.Value(place)
	if old == values {
		return
	}
	s, n := place.socket, 0
	if values != nil {
		if n += memberCost + len(values.key); values.rooms == 0 {
			n += valuesCost + len(values.data.JSON)
		}
		values.rooms++
		t.members.Set(place, values)
		t.latest.Set(s, values)
	} else {
		t.members.Delete(place)
	}
	if old != nil {
		n -= memberCost + len(old.key)
		if old.rooms--; old.rooms == 0 {
			n -= valuesCost + len(old.data.JSON)
			if latest, _ := t.latest.Value(s); latest == old {
				t.latest.Delete(s)
			}
		}
	}
	s.client.account.Add(budget.Rooms, n)
}

// chargeRoster charges the process for the memory of the roster that no connection is charged
// for. It reports whether absent members take more than before. The caller holds mu.
func (t *tracker) chargeRoster() (grown bool) {
	absent, other := t.roster.Memory()
	if other != t.otherBytes {
		t.ns.hub.memory.Shared().Add(other - t.otherBytes)
		t.otherBytes = other
	}
	n := absent - t.absentBytes
	if n != 0 {
		t.absentPart.Add(n)
		t.absentBytes = absent
	}
	return n > 0
}

// removeAbsent makes absent members that take so many bytes leave at once.
func (t *tracker) removeAbsent(n int64) {
	t.apply(func(now time.Time) { t.roster.RemoveAbsent(now, int(n)) })
}

// releaseMemory releases everything that connections and the process are charged for. The
// caller holds mu, and the tracker is closed.
func (t *tracker) releaseMemory() {
	for place := range t.members.All() {
		t.setValues(place, nil)
	}
	t.ns.hub.memory.Shared().Add(-t.otherBytes)
	t.absentPart.Add(-t.absentBytes)
	t.otherBytes, t.absentBytes = 0, 0
}
