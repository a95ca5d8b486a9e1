package rooms_test

import (
	"slices"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// An empty list of rooms matches no member, and no list matches all.
func TestEmptyRoomListMatchesNone(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	x.Add(1, "a", "1")
	x.Add(2, "b", "2")
	tests := []struct {
		name string
		got  rooms.Target
		want []int
	}{
		{"no list", rooms.Target{}, []int{1, 2}},
		{"no list, except a room", rooms.Target{Except: []string{"a"}}, []int{2}},
		{"no name", rooms.Target{}.AddRooms(), nil},
		{"an empty list", rooms.Target{}.AddRooms([]string{}...), nil},
		{"an empty list, except a room", rooms.Target{Except: []string{"a"}}.AddRooms(), nil},
		{"a room", rooms.Target{}.AddRooms("a"), []int{1}},
		{"an empty list, then a room", rooms.Target{}.AddRooms().AddRooms("a"), []int{1}},
		{"a room, then an empty list", rooms.Target{}.AddRooms("a").AddRooms(), []int{1}},
		{"two lists", rooms.Target{}.AddRooms("a").AddRooms("b", "?"), []int{1, 2}},
		{"a room that does not exist", rooms.Target{}.AddRooms("?"), nil},
		{"no member, whatever the rooms are", rooms.Target{In: []string{"a"}, None: true}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assertEqual(t, "selected", sortMembers(x.Select(nil, tt.got)), tt.want)
			if got := tt.got.Matches(rooms.NewSet([]string{"a", "1"})); got != slices.Contains(tt.want, 1) {
				t.Errorf("means a member of a: %v", got)
			}
		})
	}
}

// AddRooms does not change its receiver.
func TestAddRoomsCopies(t *testing.T) {
	t.Parallel()
	base := rooms.Target{In: make([]string, 0, 4)}.AddRooms("a")
	one, two := base.AddRooms("b"), base.AddRooms("c")
	assertEqual(t, "base", base.In, []string{"a"})
	assertEqual(t, "one", one.In, []string{"a", "b"})
	assertEqual(t, "two", two.In, []string{"a", "c"})
}

// Matches, by names of rooms, agrees with Select.
func TestTargetMatchesSelection(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c"}
	some := func(bits int) (list []string) {
		for i, name := range names {
			if bits&(1<<i) != 0 {
				list = append(list, name)
			}
		}
		return list
	}
	x := rooms.NewIndex[int](rooms.Options{})
	for member := range 8 {
		x.Add(member, some(member)...)
	}
	for bits := range 128 {
		target := rooms.Target{In: some(bits % 8), Except: append(some(bits/8%8), "empty"), None: bits >= 64}
		selected := x.Select(nil, target)
		for member := range 8 {
			if got, want := target.Matches(rooms.NewSet(some(member))), slices.Contains(selected, member); got != want {
				t.Errorf("%+v means who is in %v: %v, want %v", target, some(member), got, want)
			}
		}
	}
}
