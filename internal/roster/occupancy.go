package roster

import (
	"slices"
	"time"
)

// updateLeader takes over the lead, or yields it.
func (r *Roster) updateLeader() {
	leads := r.findLeader() == r.self
	if leads == r.leads {
		return
	}
	r.leads = leads
	if leads {
		r.takeOver()
	} else {
		r.yieldedAt = r.now
	}
	r.sendMessage(message{Type: typeBeat})
}

// takeOver continues the announcements of the leader before, and announces the rooms that
// changed since.
func (r *Roster) takeOver() {
	r.term++
	r.self.term = r.term
	if r.carried != nil {
		for name, x := range r.rooms.All() {
			if !r.carried[name] && r.hasAnnounced(x) {
				r.setAnnounced(name, false)
			}
		}
		for name := range r.carried {
			r.setAnnounced(name, true)
		}
	}
	r.carried, r.yieldedAt = nil, time.Time{}
	r.announceRooms()
}

// carryAnnouncements keeps the announcements of a leader that leaves, for its successor,
// unless another one has led since.
func (r *Roster) carryAnnouncements(leader *node) {
	if leader.term <= r.carriedTerm {
		return
	}
	r.carriedTerm = leader.term
	r.carried = make(map[string]bool)
	for name := range leader.entries.All() {
		if name.kind == announcedEntry {
			r.carried[name.room] = true
		}
	}
}

// AnnounceRooms announces the rooms that the leader has to announce because
// Options.IsWatched changed.
func (r *Roster) AnnounceRooms(now time.Time) {
	r.now = now
	r.announceRooms()
}

func (r *Roster) announceRooms() {
	for name, x := range r.rooms.All() {
		r.announceRoom(name, x)
	}
}

// announceRoom announces a room that became occupied or vacated, if this node leads.
func (r *Roster) announceRoom(name string, x *room) {
	if !r.leads || name == "" {
		return
	}
	occupied, announced := x.size > 0, r.hasAnnounced(x)
	switch watched := r.options.IsWatched(name); {
	case watched && occupied != announced:
		r.setAnnounced(name, occupied)
		r.options.AnnounceRoom(name, occupied)
	case !watched && announced:
		r.setAnnounced(name, false)
	}
}

// hasAnnounced reports whether this node has announced a room as occupied.
func (r *Roster) hasAnnounced(x *room) bool { return slices.Contains(x.announcers, r.self) }

// setAnnounced notes, here and on other nodes, whether this node announced a room as
// occupied.
func (r *Roster) setAnnounced(name string, announced bool) {
	e := entry{Kind: announcedEntry, Room: name}
	if announced {
		e.Number = 1
	}
	r.changeOwn(e, false)
}

// compareAnnouncements announces rooms again about which another node announced
// something else than this one, the leader: both led while they did not reach each other.
func (r *Roster) compareAnnouncements(n *node) {
	if !r.leads || n.leads || n.term <= n.comparedTerm || !n.isComplete() {
		return
	}
	n.comparedTerm = n.term
	for name, x := range r.rooms.All() {
		if r.hasAnnounced(x) == slices.Contains(x.announcers, n) || !r.options.IsWatched(name) {
			continue
		}
		r.setAnnounced(name, x.size > 0)
		r.options.AnnounceRoom(name, x.size > 0)
	}
}

// dropYielded removes the announcements of a former leader some time after it yielded:
// the leader has compared them.
func (r *Roster) dropYielded() {
	if r.leads || r.yieldedAt.IsZero() || r.now.Sub(r.yieldedAt) < yieldTime {
		return
	}
	r.yieldedAt, r.self.term = time.Time{}, 0
	r.dropAnnouncements()
}

// dropAnnouncements removes the announcements of this node.
func (r *Roster) dropAnnouncements() {
	for name := range r.self.entries.All() {
		if name.kind == announcedEntry {
			r.setAnnounced(name.room, false)
		}
	}
}
