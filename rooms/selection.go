package rooms

import (
	"slices"
	"strings"
)

// selection is what Select works with.
type selection[M comparable] struct {
	in, except []*room[M]
	members    int // of the rooms in, those of several counted several times
	excepted   int // of the rooms except, likewise

	marks  []uint64 // a bit a number; all zero between selections
	places []uint32
}

// Select appends the members that t means to dst, each once, in no particular
// order, and returns it. It allocates only when dst has no room for them.
func (x *Index[M]) Select(dst []M, t Target) []M {
	if t.None {
		return dst
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(t.In) <= 1 && len(t.Except) == 0 {
		if r := x.sole(t); r != nil {
			dst = append(dst, r.members...)
		}
		return dst
	}

	s, _ := x.selections.Get().(*selection[M])
	if s == nil {
		s = new(selection[M])
	}
	x.resolve(s, t)
	switch {
	case len(s.in) == 0:
	case len(s.in) == 1 && s.excepted <= max(few, s.members/16):
		dst = x.around(dst, s)
	case s.members*len(s.except) < s.excepted/4:
		dst = x.unionChecked(dst, s)
	default:
		dst = x.union(dst, s)
	}
	clear(s.in) // or they would keep rooms alive
	clear(s.except)
	x.selections.Put(s)
	return dst
}

// sole returns the room of a target that has no more than one, nil when it does
// not exist.
func (x *Index[M]) sole(t Target) *room[M] {
	if len(t.In) == 0 {
		return &x.everyone
	}
	r, _ := x.rooms.get(t.In[0])
	return r
}

// resolve finds the rooms of t and counts their members.
func (x *Index[M]) resolve(s *selection[M], t Target) {
	s.in, s.members = x.find(s.in[:0], t.In)
	s.except, s.excepted = x.find(s.except[:0], t.Except)
	if len(t.In) == 0 {
		s.in, s.members = append(s.in, &x.everyone), len(x.everyone.members)
	}
}

// find appends the rooms of names, each once: a client may have a say in a target,
// and name a large room a thousand times.
func (x *Index[M]) find(found []*room[M], names []string) (_ []*room[M], members int) {
	for _, name := range names {
		if r, exists := x.rooms.get(name); exists {
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

// around copies a single room piece by piece, around the few members that are
// excepted.
func (x *Index[M]) around(dst []M, s *selection[M]) []M {
	in := s.in[0]
	s.places = s.places[:0]
	for _, r := range s.except {
		for _, n := range r.numbers {
			if place, sits := x.place(n, in); sits {
				s.places = append(s.places, place)
			}
		}
	}
	slices.Sort(s.places)
	from := uint32(0)
	for _, place := range s.places {
		if place >= from { // not one that was excepted twice
			dst = append(dst, in.members[from:place]...)
			from = place + 1
		}
	}
	return append(dst, in.members[from:]...)
}

// place returns where in a room the member of a number sits.
func (x *Index[M]) place(number uint32, r *room[M]) (uint32, bool) {
	if r == &x.everyone {
		return number, true
	}
	p := x.records[number]
	i := p.find(r)
	if i < 0 {
		return 0, false
	}
	return p.seats[i].place, true
}

// union copies members that have not been marked, after marking those excepted.
func (x *Index[M]) union(dst []M, s *selection[M]) []M {
	marks := s.marksFor(len(x.records))
	for _, r := range s.except {
		for _, n := range r.numbers {
			marks[n/64] |= 1 << (n % 64)
		}
	}
	for _, r := range s.in {
		for place, m := range r.members {
			n := r.number(place)
			if word, bit := &marks[n/64], uint64(1)<<(n%64); *word&bit == 0 {
				*word |= bit
				dst = append(dst, m)
			}
		}
	}
	s.wipe(marks, s.members+s.excepted, s.in, s.except)
	return dst
}

// unionChecked is union for few members of whom many may be excepted: it asks
// each whether it is.
func (x *Index[M]) unionChecked(dst []M, s *selection[M]) []M {
	marks := s.marksFor(len(x.records))
	for _, r := range s.in {
		for place, m := range r.members {
			n := r.number(place)
			word, bit := &marks[n/64], uint64(1)<<(n%64)
			if *word&bit != 0 {
				continue
			}
			*word |= bit
			p := x.records[n]
			if !slices.ContainsFunc(s.except, func(r *room[M]) bool { return p.find(r) >= 0 }) {
				dst = append(dst, m)
			}
		}
	}
	s.wipe(marks, s.members, s.in, nil)
	return dst
}

// marksFor returns clean marks for so many members.
func (s *selection[M]) marksFor(members int) []uint64 {
	words := (members + 63) / 64
	if len(s.marks) < words {
		s.marks = make([]uint64, words+words/4)
	}
	return s.marks[:words]
}

// wipe cleans marks, of which at most marked were set for members of rooms.
func (s *selection[M]) wipe(marks []uint64, marked int, in, except []*room[M]) {
	if marked >= len(marks) {
		clear(marks)
		return
	}
	for _, rooms := range [...][]*room[M]{in, except} {
		for _, r := range rooms {
			for place := range r.members {
				marks[r.number(place)/64] = 0
			}
		}
	}
}
