package rooms

import (
	"slices"
	"strings"
)

// selection is scratch space for one call of Select.
type selection[M comparable] struct {
	in, except    []*room[M]
	memberCount   int // of the rooms in; a member of several counts several times
	exceptedCount int // of the rooms except, likewise

	marks  []uint64 // one bit per number; all zero between selections
	places []uint32
}

// Select appends to dst the members that t matches, each once, in no particular order,
// and returns it. It allocates only to grow dst.
func (x *Index[M]) Select(dst []M, t Target) []M { return x.SelectFunc(dst, t, nil) }

// SelectFunc is [Index.Select] that calls selected unless it is nil. A member that joins
// one of the rooms of t has joined before, and is selected, or joins after the call. Several
// calls run at a time. So selected must not use the index, wait, or panic. It is not called
// for a target that matches no member at all.
func (x *Index[M]) SelectFunc(dst []M, t Target, selected func()) []M {
	if t.None {
		return dst
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if selected != nil {
		selected()
	}
	if len(t.In) <= 1 && len(t.Except) == 0 {
		if r := x.soleRoom(t); r != nil {
			dst = append(dst, r.members...)
		}
		return dst
	}

	s, _ := x.selections.Get().(*selection[M])
	if s == nil {
		s = new(selection[M])
	}
	x.resolveRooms(s, t)
	switch {
	case len(s.in) == 0:
	case len(s.in) == 1 && s.exceptedCount <= max(linearSearchLimit, s.memberCount/16):
		dst = x.copyAround(dst, s)
	case s.memberCount*len(s.except) < s.exceptedCount/4:
		dst = x.selectUnionChecked(dst, s)
	default:
		dst = x.selectUnion(dst, s)
	}
	clear(s.in) // otherwise they keep rooms alive
	clear(s.except)
	x.selections.Put(s)
	return dst
}

// soleRoom returns the room of a target that names at most one, nil if it does not
// exist.
func (x *Index[M]) soleRoom(t Target) *room[M] {
	if len(t.In) == 0 {
		return &x.everyone
	}
	r, _ := x.rooms.Value(t.In[0])
	return r
}

// resolveRooms finds the rooms of t and counts their members.
func (x *Index[M]) resolveRooms(s *selection[M], t Target) {
	s.in, s.memberCount = x.findRooms(s.in[:0], t.In)
	s.except, s.exceptedCount = x.findRooms(s.except[:0], t.Except)
	if len(t.In) == 0 {
		s.in, s.memberCount = append(s.in, &x.everyone), len(x.everyone.members)
	}
}

// findRooms appends the rooms with these names, each once: a client may choose the
// names of a target, and repeat a large room a thousand times.
func (x *Index[M]) findRooms(found []*room[M], names []string) (_ []*room[M], members int) {
	for _, name := range names {
		if r, exists := x.rooms.Value(name); exists {
			found = append(found, r)
		}
	}
	if len(found) > 1 {
		slices.SortFunc(found, func(a, b *room[M]) int { return strings.Compare(a.name, b.name) })
		found = slices.Compact(found)
	}
	for _, r := range found {
		members += len(r.members)
	}
	return found, members
}

// copyAround copies the members of a single room in pieces, without the few excluded
// members.
func (x *Index[M]) copyAround(dst []M, s *selection[M]) []M {
	in := s.in[0]
	s.places = s.places[:0]
	for _, r := range s.except {
		for _, n := range r.numbers {
			if place, sits := x.findPlace(n, in); sits {
				s.places = append(s.places, place)
			}
		}
	}
	slices.Sort(s.places)
	from := uint32(0)
	for _, place := range s.places {
		if place >= from { // false for a member that is excluded twice
			dst = append(dst, in.members[from:place]...)
			from = place + 1
		}
	}
	return append(dst, in.members[from:]...)
}

// findPlace returns the place in a room of the member with a number, if it is there.
func (x *Index[M]) findPlace(number uint32, r *room[M]) (uint32, bool) {
	if r == &x.everyone {
		return number, true
	}
	p := x.records[number]
	i := p.findMembership(r)
	if i < 0 {
		return 0, false
	}
	return p.memberships[i].place, true
}

// selectUnion marks the excluded members, then copies the members without a mark.
func (x *Index[M]) selectUnion(dst []M, s *selection[M]) []M {
	marks := s.growMarks(len(x.records))
	for _, r := range s.except {
		for _, n := range r.numbers {
			marks[n/64] |= 1 << (n % 64)
		}
	}
	for _, r := range s.in {
		for place, m := range r.members {
			n := r.numberAt(place)
			if word, bit := &marks[n/64], uint64(1)<<(n%64); *word&bit == 0 {
				*word |= bit
				dst = append(dst, m)
			}
		}
	}
	s.wipeMarks(marks, s.memberCount+s.exceptedCount, s.in, s.except)
	return dst
}

// selectUnionChecked is selectUnion for few members and many exceptions: it looks up
// each member in the excluded rooms.
func (x *Index[M]) selectUnionChecked(dst []M, s *selection[M]) []M {
	marks := s.growMarks(len(x.records))
	for _, r := range s.in {
		for place, m := range r.members {
			n := r.numberAt(place)
			word, bit := &marks[n/64], uint64(1)<<(n%64)
			if *word&bit != 0 {
				continue
			}
			*word |= bit
			p := x.records[n]
			if !slices.ContainsFunc(s.except, func(r *room[M]) bool { return p.findMembership(r) >= 0 }) {
				dst = append(dst, m)
			}
		}
	}
	s.wipeMarks(marks, s.memberCount, s.in, nil)
	return dst
}

// growMarks returns cleared marks for so many members.
func (s *selection[M]) growMarks(members int) []uint64 {
	words := (members + 63) / 64
	if len(s.marks) < words {
		s.marks = make([]uint64, words+words/4)
	}
	return s.marks[:words]
}

// wipeMarks clears marks. At most marked of them are set, for members of the rooms.
func (s *selection[M]) wipeMarks(marks []uint64, marked int, in, except []*room[M]) {
	if marked >= len(marks) {
		clear(marks)
		return
	}
	for _, rooms := range [...][]*room[M]{in, except} {
		for _, r := range rooms {
			for place := range r.members {
				marks[r.numberAt(place)/64] = 0
			}
		}
	}
}
