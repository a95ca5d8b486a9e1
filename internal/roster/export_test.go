package roster

import "fmt"

// CheckMemory returns an error if a roster's count of its memory is not the sum of its parts, or
// if a departure of a member is missing, or nil.
func CheckMemory(r *Roster) error {
	absent, other, distinct, rooms := len(r.departures)*departureCost, 0, make(map[*Data]int), 0
	for roomName, x := range r.rooms.All() {
		rooms++
		n := 0
		for m := range x.members.membersAfter("") {
			n++
			if x.members.findMember(m.key) != m {
				return fmt.Errorf("member %q is not found", m.key)
			}
			for _, h := range m.holders {
				if h.node != r.self {
					other += len(h.data.JSON)
				}
			}
			if len(m.holders) == 0 {
				absent += absentCost + len(roomName) + len(m.key)
				distinct[m.absence.data]++
			}
			if a := m.absence; a != nil && (a.data == nil) != (len(m.holders) > 0) {
				return fmt.Errorf("member %q has %d holders and data of an absent one: %v", m.key, len(m.holders), a.data)
			}
		}
		if n != x.members.length {
			return fmt.Errorf("%d members, counted %d", n, x.members.length)
		}
	}
	if rooms != r.rooms.Len() {
		return fmt.Errorf("%d rooms, counted %d", rooms, r.rooms.Len())
	}
	for data, n := range distinct {
		if absent += len(data.JSON); data.absent != n {
			return fmt.Errorf("%d absent members have the data, counted %d", n, data.absent)
		}
	}
	nodes := []*node{r.self}
	for _, n := range r.nodes {
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		for name := range n.entries.All() {
			if n != r.self || name.kind != memberEntry {
				other += MemberCost + len(name.room) + len(name.key)
			}
		}
	}
	if a, o := r.Memory(); a != absent || o != other {
		return fmt.Errorf("absent %d, other %d bytes: counted %d, %d", absent, other, a, o)
	}
	return nil
}
