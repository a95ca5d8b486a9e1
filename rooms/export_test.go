package rooms

import "fmt"

// CheckIndex returns an error that describes an inconsistency of an index, or nil.
func CheckIndex[M comparable](x *Index[M]) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(x.records) != len(x.everyone.members) || x.members.Len() != len(x.records) {
		return fmt.Errorf("%d records, %d members, %d of them known",
			len(x.records), len(x.everyone.members), x.members.Len())
	}
	seats := 0
	for n, p := range x.records {
		if known, _ := x.members.Value(x.everyone.members[n]); known != p || int(p.number) != n {
			return fmt.Errorf("member %d has number %d", n, p.number)
		}
		if err := checkMember(x, p); err != nil {
			return fmt.Errorf("member %d: %w", n, err)
		}
		seats += p.roomCount()
	}
	for name, r := range x.rooms.All() {
		if r.name != name || len(r.members) == 0 || len(r.members) != len(r.numbers) {
			return fmt.Errorf("room %q: name %q, %d members, %d numbers",
				name, r.name, len(r.members), len(r.numbers))
		}
		seats -= len(r.members)
	}
	if seats != 0 {
		return fmt.Errorf("%d seats more than places", seats)
	}
	return checkMarks(x)
}

func checkMember[M comparable](x *Index[M], p *member[M]) error {
	live := 0
	for i, s := range p.memberships {
		if s.room == nil {
			continue
		}
		live++
		if p.findMembership(s.room) != i {
			return fmt.Errorf("seat %d found at %d", i, p.findMembership(s.room))
		}
		if s.room.members[s.place] != x.everyone.members[p.number] || s.room.numbers[s.place] != p.number {
			return fmt.Errorf("another member at place %d of %q", s.place, s.room.name)
		}
	}
	if live != p.roomCount() || len(p.memberships) > linearSearchLimit && p.positions == nil || len(p.memberships) > 2*live+1 {
		return fmt.Errorf("%d seats, %d live, %d counted", len(p.memberships), live, p.roomCount())
	}
	return nil
}

func checkMarks[M comparable](x *Index[M]) error {
	s, _ := x.selections.Get().(*selection[M])
	if s == nil {
		return nil
	}
	defer x.selections.Put(s)
	for i, word := range s.marks {
		if word != 0 {
			return fmt.Errorf("mark %d left: %x", i, word)
		}
	}
	return nil
}

// Capacity returns the capacity of an index: members, entries of its two tables, and
// all places in rooms.
func Capacity[M comparable](x *Index[M]) (members, entries, places int) {
	for _, r := range x.rooms.All() {
		places += cap(r.members)
	}
	return cap(x.records), x.members.Capacity() + x.rooms.Capacity(), places
}

// Parts returns the number of maps that hold the rooms.
func Parts[M comparable](x *Index[M]) int { return x.rooms.Parts() }
