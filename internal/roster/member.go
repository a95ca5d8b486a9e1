package roster

import (
	"slices"
	"time"
)

const (
	// MemberCost is about how many bytes a member takes in a roster besides its room's name, its
	// key and its data, if its room has no other member.
	MemberCost = 360
	// absentCost is how many bytes a member takes while it is absent, besides its names and data.
	absentCost = 200
	// departureCost is how many bytes a departure takes, besides its names.
	departureCost = 160
)

// Data is the data of members. All members that a socket has may share it.
type Data struct {
	JSON   []byte // an object; it does not change
	absent int    // the number of absent members that have it
}

// member is a key in a room. It is listed until its departure is announced.
type member struct {
	key     string
	holders []holder // nodes with sockets of the key; none while it is absent
	current int      // the holder whose data is shown
	absence *absence // nil if departures has no entry for the member
}

// holder is a node with sockets of a key.
type holder struct {
	node    *node
	version uint64
	data    *Data
}

// absence is the state of a member that is absent, or returned before its departure.
type absence struct {
	data      *Data     // of the last holder; nil if the member returned
	departure time.Time // when the member leaves
	scheduled time.Time // of its entry in departures
}

// holderOf returns the index of a node among the holders, -1 if it is not one.
func (m *member) holderOf(n *node) int {
	return slices.IndexFunc(m.holders, func(h holder) bool { return h.node == n })
}

// pickCurrent shows the data of the latest version. Nodes with the same holders show the
// same data.
func (m *member) pickCurrent() {
	m.current = 0
	for i, h := range m.holders {
		best := m.holders[m.current]
		if h.version > best.version || h.version == best.version && h.node.id > best.node.id {
			m.current = i
		}
	}
}

// data returns the data that is shown: of the current or last holder.
func (m *member) data() *Data {
	if len(m.holders) > 0 {
		return m.holders[m.current].data
	}
	return m.absence.data
}

// putMember notes that a node has sockets of a key. A key that is new is announced,
// unless it is silent.
func (r *Roster) putMember(n *node, name entryName, h holder, silent bool) {
	x := r.roomNamed(name.room)
	m := x.members.findMember(name.key)
	isNew := m == nil
	if isNew {
		m = &member{key: name.key}
		x.members.addMember(m)
	} else if len(m.holders) == 0 {
		r.chargeAbsent(name, m.absence.data, -1)
		m.absence.data = nil
	}
	i := m.holderOf(n)
	if i >= 0 {
		r.chargeData(n, m.holders[i].data, -1)
		m.holders[i] = h
	} else {
		m.holders = append(m.holders, h)
	}
	r.chargeData(n, h.data, 1)
	m.pickCurrent()
	if isNew && !silent {
		r.options.Announce(Announcement{Room: name.room, Member: Member{name.key, m.data().JSON}})
	}
}

// dropMember notes that a node has had no sockets of a key since a time.
func (r *Roster) dropMember(n *node, name entryName, since time.Time) {
	x, _ := r.rooms.Value(name.room)
	m := x.members.findMember(name.key)
	data := m.holders[m.holderOf(n)].data
	r.chargeData(n, data, -1)
	m.holders = slices.DeleteFunc(m.holders, func(h holder) bool { return h.node == n })
	if len(m.holders) > 0 {
		m.pickCurrent()
		return
	}
	m.holders = nil
	departure := since.Add(r.options.Grace(name.room))
	if !departure.After(r.now) || !r.scheduleDeparture(name, m, departure) {
		r.removeMember(name, data)
		return
	}
	m.absence.data, m.absence.departure = data, departure
	r.chargeAbsent(name, data, 1)
}

// scheduleDeparture makes the departure of a member one of departures. A member that leaves
// and returns again and again has one entry: it is moved when its time has come. The result is
// false if too many members are absent.
func (r *Roster) scheduleDeparture(name entryName, m *member, at time.Time) bool {
	switch {
	case m.absence != nil && !m.absence.scheduled.After(at):
		return true
	case len(r.departures) >= maxDepartures:
		return false
	case m.absence == nil:
		m.absence = new(absence)
	}
	m.absence.scheduled = at
	r.departures.addDeparture(departure{at, name.room, name.key})
	return true
}

// removeMember removes an absent member from the list, and announces that it left.
func (r *Roster) removeMember(name entryName, data *Data) {
	x, _ := r.rooms.Value(name.room)
	x.members.removeMember(name.key)
	r.dropRoomIfEmpty(name.room, x)
	r.options.Announce(Announcement{Room: name.room, Member: Member{name.key, data.JSON}, Left: true})
}

// removeDeparted removes the members that were absent for their grace period.
func (r *Roster) removeDeparted() {
	for len(r.departures) > 0 && !r.departures[0].at.After(r.now) {
		r.endDeparture(r.departures.popEarliest(), false)
	}
}

// RemoveAbsent removes absent members until they take n bytes less, the ones first that would
// leave first.
func (r *Roster) RemoveAbsent(now time.Time, n int) {
	r.now = now
	absent, _ := r.Memory()
	for most := absent - n; absent > most && len(r.departures) > 0; absent, _ = r.Memory() {
		r.endDeparture(r.departures.popEarliest(), true)
	}
}

// endDeparture removes a member whose departure has come, or that has to leave before it. A
// member that returned stays. One that was absent again since then leaves later.
func (r *Roster) endDeparture(d departure, early bool) {
	x, _ := r.rooms.Value(d.room)
	if x == nil {
		return
	}
	m := x.members.findMember(d.key)
	if m == nil || m.absence == nil || !m.absence.scheduled.Equal(d.at) {
		return
	}
	name, a := entryName{memberEntry, d.room, d.key}, m.absence
	switch {
	case a.data == nil:
		m.absence = nil
	case a.departure.After(r.now) && !early:
		a.scheduled = a.departure
		r.departures.addDeparture(departure{a.departure, d.room, d.key})
	default:
		r.chargeAbsent(name, a.data, -1)
		r.removeMember(name, a.data)
	}
}

// chargeAbsent counts a member that is absent from now on, or with -1 no longer.
func (r *Roster) chargeAbsent(name entryName, data *Data, n int) {
	before := data.absent
	if data.absent += n; (before == 0) != (data.absent == 0) {
		r.absentBytes += n * len(data.JSON)
	}
	r.absentBytes += n * (absentCost + len(name.room) + len(name.key))
}

// chargeEntry counts an entry that is no member of this node, or with -1 no longer.
func (r *Roster) chargeEntry(n *node, name entryName, sign int) {
	if n != r.self || name.kind != memberEntry {
		r.otherBytes += sign * (MemberCost + len(name.room) + len(name.key))
	}
}

// chargeData counts the data of a member of another node, or with -1 no longer.
func (r *Roster) chargeData(n *node, data *Data, sign int) {
	if n != r.self {
		r.otherBytes += sign * len(data.JSON)
	}
}

// Memory returns about how many bytes the roster keeps for absent members, and for entries of
// other nodes and the sizes of rooms. It does not count the members of this node.
func (r *Roster) Memory() (absent, other int) {
	return r.absentBytes + len(r.departures)*departureCost, r.otherBytes
}
