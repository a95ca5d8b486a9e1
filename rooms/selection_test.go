package rooms_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

func sortMembers(members []int) []int { slices.Sort(members); return members }

func numberRange(from, to int) (all []int) {
	for m := from; m < to; m++ {
		all = append(all, m)
	}
	return all
}

func TestSelectFollowsInAndExcept(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	for m := range 1000 {
		x.Add(m, fmt.Sprint(m))
		if m < 600 {
			x.Add(m, "low")
		}
		if m >= 400 {
			x.Add(m, "high")
		}
	}
	x.Add(1, "a", "b")
	x.Add(2, "a")
	x.Add(3, "b")
	tests := []struct {
		name       string
		in, except []string
		want       []int
	}{
		{"everyone", nil, nil, numberRange(0, 1000)},
		{"everyone but the sender", nil, []string{"0"}, numberRange(1, 1000)},
		{"everyone but the last", nil, []string{"999"}, numberRange(0, 999)},
		{"everyone but many", nil, []string{"low"}, numberRange(600, 1000)},
		{"everyone but everyone", nil, []string{"high", "low"}, nil},
		{"everyone but a room that does not exist", nil, []string{"?"}, numberRange(0, 1000)},
		{"a room", []string{"low"}, nil, numberRange(0, 600)},
		{"a room, a list without rooms excepted", []string{"low"}, []string{}, numberRange(0, 600)},
		{"one's own room", []string{"7"}, nil, []int{7}},
		{"no such room has no members", []string{"?"}, nil, nil},
		{"no such rooms have no members", []string{"?", "??"}, []string{"1"}, nil},
		{"a room twice", []string{"low", "low"}, nil, numberRange(0, 600)},
		{"a room but the sender", []string{"high"}, []string{"500"}, append(numberRange(400, 500), numberRange(501, 1000)...)},
		{"a room but the sender twice", []string{"a"}, []string{"1", "1"}, []int{2}},
		{"a room but a member of another", []string{"a"}, []string{"500"}, []int{1, 2}},
		{"the sender alone, but the sender", []string{"5"}, []string{"5"}, nil},
		{"a room but itself", []string{"a"}, []string{"a"}, nil},
		{"a small room but a large one", []string{"a"}, []string{"low"}, nil},
		{"a small room but a large one of others", []string{"a"}, []string{"high"}, []int{1, 2}},
		{"a large room but a large one", []string{"high"}, []string{"low"}, numberRange(600, 1000)},
		{"union, each once", []string{"a", "b"}, nil, []int{1, 2, 3}},
		{"union with a room that does not exist", []string{"a", "?"}, nil, []int{1, 2}},
		{"union of large rooms", []string{"low", "high"}, nil, numberRange(0, 1000)},
		{"union but one", []string{"a", "b"}, []string{"1"}, []int{2, 3}},
		{"union but a room", []string{"a", "b", "high"}, []string{"high"}, []int{1, 2, 3}},
		{"small union but a large room", []string{"a", "b", "500"}, []string{"high", "?"}, []int{1, 2, 3}},
		{"large union but small rooms", []string{"low", "high"}, []string{"a", "b", "0"}, numberRange(4, 1000)},
		{"own rooms", []string{"1", "2", "3"}, []string{"2"}, []int{1, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := rooms.Target{In: tt.in, Except: tt.except}
			assertEqual(t, "selected", sortMembers(x.Select(nil, target)), tt.want)
			got := x.Select([]int{-2, -1}, target)
			assertEqual(t, "what was there", got[:2], []int{-2, -1})
			assertEqual(t, "appended", sortMembers(got[2:]), tt.want)
			checkIndex(t, x)
		})
	}
}

func TestSelectAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget on purpose under the race detector")
	}
	x := rooms.NewIndex[int](rooms.Options{})
	for m := range 1000 {
		x.Add(m, fmt.Sprint(m), fmt.Sprint("third", m%3), "lobby")
	}
	dst := make([]int, 0, 1000)
	for _, target := range []rooms.Target{
		{},
		{Except: []string{"1"}},
		{In: []string{"lobby"}},
		{In: []string{"lobby"}, Except: []string{"1"}},
		{In: []string{"third0", "third1"}},
		{In: []string{"third0", "third1", "1", "2", "3", "4", "5", "6", "7"}, Except: []string{"third2"}},
		{In: []string{"1", "2"}, Except: []string{"lobby"}},
	} {
		if n := testing.AllocsPerRun(100, func() { x.Select(dst, target) }); n != 0 {
			t.Errorf("%v: %v allocations", target, n)
		}
	}
}
