package rooms

import "slices"

// Target says which members are meant. The zero value means all members of the
// index.
type Target struct {
	// In are rooms: members of any of them are meant. None: all members of the
	// index. Rooms that don't exist have no members.
	In []string
	// Except are rooms whose members are not meant.
	Except []string
	// Nobody means no member, whatever In and Except say. An empty list of rooms sets
	// it, see [Target.AddRooms].
	None bool
}

// AddRooms returns t with further rooms in In. An empty list means nobody, unless t
// has rooms already.
func (t Target) AddRooms(names ...string) Target {
	t.In = slices.Concat(t.In, names)
	t.None = len(t.In) == 0
	return t
}

// Set is names of rooms.
type Set map[string]struct{}

// NewSet returns names as a set.
func NewSet(names []string) Set {
	set := make(Set, len(names))
	for _, name := range names {
		set[name] = struct{}{}
	}
	return set
}

// Matches reports whether a member is meant that is in these rooms and no others, as
// [Index.Select] has it.
func (t Target) Matches(rooms Set) bool {
	in := func(name string) bool {
		_, ok := rooms[name]
		return ok
	}
	return !t.None && (len(t.In) == 0 || slices.ContainsFunc(t.In, in)) && !slices.ContainsFunc(t.Except, in)
}
