package rooms

import "slices"

// Target matches members by their rooms. The zero value matches all members of the
// index.
type Target struct {
	// In are rooms whose members match. Without rooms, all members of the index match.
	// Rooms that do not exist have no members.
	In []string
	// Except are rooms whose members do not match.
	Except []string
	// None makes the target match no member, whatever In and Except contain. An empty
	// list of rooms sets it, see [Target.AddRooms].
	None bool
}

// AddRooms returns a copy of t with further rooms in In. An empty list makes t match
// no member, unless t has rooms already.
func (t Target) AddRooms(names ...string) Target {
	t.In = slices.Concat(t.In, names)
	t.None = len(t.In) == 0
	return t
}

// Set is a set of room names.
type Set map[string]struct{}

// NewSet returns the set of names.
func NewSet(names []string) Set {
	set := make(Set, len(names))
	for _, name := range names {
		set[name] = struct{}{}
	}
	return set
}

// Matches reports whether [Index.Select] selects a member that is in exactly these
// rooms.
func (t Target) Matches(rooms Set) bool {
	in := func(name string) bool {
		_, ok := rooms[name]
		return ok
	}
	return !t.None && (len(t.In) == 0 || slices.ContainsFunc(t.In, in)) && !slices.ContainsFunc(t.Except, in)
}
