package rooms_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

func checkIndex[M comparable](t testing.TB, x *rooms.Index[M]) {
	t.Helper()
	if err := rooms.CheckIndex(x); err != nil {
		t.Fatal(err)
	}
}

func assertEqual[E comparable](t testing.TB, what string, got, want []E) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestZeroValueIsEmpty(t *testing.T) {
	t.Parallel()
	var x rooms.Index[int]
	x.Leave(1, "a")
	x.Remove(1)
	if err := x.Join(1, "a"); err != nil {
		t.Error(err)
	}
	assertEqual(t, "everyone", x.Select(nil, rooms.Target{}), nil)
	assertEqual(t, "a room", x.Select(nil, rooms.Target{In: []string{"a"}}), nil)
	assertEqual(t, "two rooms", x.Select(nil, rooms.Target{In: []string{"a", "b"}, Except: []string{"c"}}), nil)
	assertEqual(t, "page", x.Page("", "", 10), nil)
	assertEqual(t, "rooms of one", x.RoomsOf(1), nil)
	if x.Len() != 0 || x.Rooms() != 0 || x.Size("a") != 0 || x.Has(1, "a") {
		t.Error("something is in an empty index")
	}
	x.Add(1, "a")
	assertEqual(t, "everyone", x.Select(nil, rooms.Target{}), []int{1})
	checkIndex(t, &x)
}

func TestRoomsOfAMemberAreInJoinOrder(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 16, 17, 100} {
		x := rooms.NewIndex[string](rooms.Options{})
		x.Add("m", "own")
		want := []string{"own"}
		for i := range n {
			name := fmt.Sprint("room", n-i)
			if err := x.Join("m", name, "own"); err != nil {
				t.Fatal(err)
			}
			want = append(want, name)
		}
		for len(want) > 0 {
			assertEqual(t, "rooms", x.RoomsOf("m"), want)
			checkIndex(t, x)
			gone := len(want) / 2
			x.Leave("m", want[gone], "unknown")
			want = slices.Delete(want, gone, gone+1)
		}
		assertEqual(t, "rooms", x.RoomsOf("m"), want)
		if x.Len() != 1 || x.Rooms() != 0 {
			t.Errorf("%d members, %d rooms left", x.Len(), x.Rooms())
		}
	}
}

func TestRejoinedRoomComesLast(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	x.Add(1, "a", "b", "c")
	x.Leave(1, "a")
	x.Add(1, "a", "b")
	assertEqual(t, "rooms", x.RoomsOf(1), []string{"b", "c", "a"})
}

func TestRemovedMemberJoinsNothing(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{MaxRooms: 1})
	x.Add(1, "a", "b")
	assertEqual(t, "removed rooms", x.Remove(1), []string{"a", "b"})
	assertEqual(t, "rooms removed again", x.Remove(1), nil)
	if err := x.Join(1, "a", "b", "c"); err != nil {
		t.Error(err)
	}
	if x.Len() != 0 || x.Rooms() != 0 || x.Has(1, "a") || x.RoomsOf(1) != nil {
		t.Error("the member is still known")
	}
	checkIndex(t, x)
}

func TestJoinIsAllOrNone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		max  int
		join []string
		fits bool
	}{
		{"no limit", 0, []string{"b", "c", "d", "e"}, true},
		{"up to the limit", 3, []string{"b", "c"}, true},
		{"one too many", 3, []string{"b", "c", "d"}, false},
		{"twice the same", 3, []string{"b", "b", "c", "c", "b"}, true},
		{"those it is in", 2, []string{"id", "a", "a", "id"}, true},
		{"those it is in and one", 2, []string{"id", "a", "b"}, false},
		{"over the limit by Add", 1, []string{"id"}, true},
		{"over the limit by Add, one more", 1, []string{"b"}, false},
		{"nothing", 1, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := rooms.NewIndex[int](rooms.Options{MaxRooms: tt.max})
			x.Add(1, "id")
			if tt.max != 3 {
				x.Add(1, "a")
			}
			before := x.RoomsOf(1)
			err := x.Join(1, tt.join...)
			if tt.fits && err != nil || !tt.fits && !errors.Is(err, rooms.ErrTooManyRooms) {
				t.Errorf("got error %v", err)
			}
			if !tt.fits {
				assertEqual(t, "rooms", x.RoomsOf(1), before)
			}
			for _, room := range tt.join {
				if tt.fits && !x.Has(1, room) {
					t.Errorf("not in %q", room)
				}
			}
			checkIndex(t, x)
		})
	}
}

func TestSizesFollowMemberships(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	x.Add(0)
	x.Add(1, "a")
	x.Add(2, "a", "b", "")
	if x.Len() != 3 || x.Rooms() != 3 {
		t.Errorf("%d members, %d rooms", x.Len(), x.Rooms())
	}
	for room, want := range map[string]int{"a": 2, "b": 1, "": 1, "c": 0} {
		if got := x.Size(room); got != want {
			t.Errorf("size of %q: got %d, want %d", room, got, want)
		}
	}
	x.Remove(1)
	x.Leave(2, "b")
	if x.Size("a") != 1 || x.Size("b") != 0 || x.Len() != 2 || x.Rooms() != 2 {
		t.Errorf("after leaving: %d members, %d rooms", x.Len(), x.Rooms())
	}
	checkIndex(t, x)
}

// The memory of many members is released when they are removed.
func TestMemoryIsReleased(t *testing.T) {
	t.Parallel()
	const flood = 20_000
	x := rooms.NewIndex[int](rooms.Options{})
	for m := range flood {
		x.Add(m, fmt.Sprint(m), "lobby")
	}
	if rooms.Parts(x) == 1 {
		t.Error("a large index is not divided")
	}
	checkIndex(t, x)
	for m := range flood - 10 {
		x.Remove(m)
	}
	checkIndex(t, x)
	if n := rooms.Parts(x); n != 1 {
		t.Errorf("a small index is divided into %d parts", n)
	}
	members, entries, places := rooms.Capacity(x)
	if members > 64 || entries > 1024 || places > 100 {
		t.Errorf("memory for %d members, %d entries, %d places", members, entries, places)
	}
	if got := x.Select(nil, rooms.Target{In: []string{"lobby"}}); len(got) != 10 {
		t.Errorf("%d members are left", len(got))
	}
}

// A member of many rooms is found through a map, whose memory is released too.
func TestManyRoomsOfOneMember(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	x.Add(1, "own")
	x.Add(2)
	for round := range 3 {
		for i := range 1000 {
			x.Add(1, fmt.Sprint(round, i))
			x.Add(2, fmt.Sprint(round, i))
		}
		checkIndex(t, x)
		for i := range 1000 {
			x.Leave(1, fmt.Sprint(round, i))
		}
		checkIndex(t, x)
		assertEqual(t, "rooms", x.RoomsOf(1), []string{"own"})
	}
	x.Remove(2)
	checkIndex(t, x)
	if x.Rooms() != 1 {
		t.Errorf("%d rooms are left", x.Rooms())
	}
}

func TestJoinUpToKeepsLimit(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{MaxRooms: 3})
	for m := range 4 {
		x.Add(m)
	}
	var joined atomic.Int32
	var all sync.WaitGroup
	for m := range 3 {
		all.Go(func() {
			switch err := x.JoinUpTo(2, m, "a", "b"); err {
			case nil:
				joined.Add(1)
			case rooms.ErrRoomFull:
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if joined.Load() != 2 || x.Size("a") != 2 || x.Size("b") != 2 {
		t.Errorf("%d joined, the rooms have %d and %d members", joined.Load(), x.Size("a"), x.Size("b"))
	}
	if err := x.JoinUpTo(2, 3, "c", "a"); err != rooms.ErrRoomFull || x.Size("c") != 0 {
		t.Errorf("got %v, the other room has %d members", err, x.Size("c"))
	}
	m := x.Select(nil, rooms.Target{In: []string{"a"}})[0]
	if err := x.JoinUpTo(1, m, "a", "b"); err != nil { // it is in them
		t.Error(err)
	}
	if err := x.JoinUpTo(9, m, "c", "d", "e"); err != rooms.ErrTooManyRooms {
		t.Errorf("got %v", err)
	}
	if err := x.JoinUpTo(9, 77, "a"); err != nil || x.Size("a") != 2 {
		t.Errorf("a stranger joined: %v", err)
	}
	checkIndex(t, x)
}
