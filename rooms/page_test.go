package rooms_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

func TestPageIsSortedAndLimited(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	x.Add(1, "user:2", "lobby", "user:10", "", "z")
	x.Add(2, "lobby", "user:1")
	tests := []struct {
		name          string
		prefix, after string
		limit         int
		want          []rooms.Room
	}{
		{"all", "", "", 10, []rooms.Room{{"lobby", 2}, {"user:1", 1}, {"user:10", 1}, {"user:2", 1}, {"z", 1}}},
		{"first", "", "", 2, []rooms.Room{{"lobby", 2}, {"user:1", 1}}},
		{"next", "", "user:1", 2, []rooms.Room{{"user:10", 1}, {"user:2", 1}}},
		{"last", "", "user:2", 2, []rooms.Room{{"z", 1}}},
		{"after the last", "", "z", 2, nil},
		{"after one that does not exist", "", "m", 1, []rooms.Room{{"user:1", 1}}},
		{"prefix", "user:", "", 10, []rooms.Room{{"user:1", 1}, {"user:10", 1}, {"user:2", 1}}},
		{"prefix and after", "user:1", "user:1", 10, []rooms.Room{{"user:10", 1}}},
		{"prefix of none", "x", "", 10, nil},
		{"exactly the limit", "", "", 5, []rooms.Room{{"lobby", 2}, {"user:1", 1}, {"user:10", 1}, {"user:2", 1}, {"z", 1}}},
		{"no limit is none", "", "", 0, nil},
		{"negative", "", "", -1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assertEqual(t, "rooms", x.Page(tt.prefix, tt.after, tt.limit), tt.want)
		})
	}
}

func TestPageFuncSkipsRoomsOfOneMember(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[string](rooms.Options{})
	x.Add("a", "a", "lobby", "b")
	x.Add("b", "b", "lobby", "user:b")
	x.Add("c", "c")
	own := func(name, only string) bool { return name == only }
	assertEqual(t, "rooms", x.PageFunc("", "", 10, own), []rooms.Room{{"b", 2}, {"lobby", 2}, {"user:b", 1}})
	assertEqual(t, "next", x.PageFunc("", "b", 1, own), []rooms.Room{{"lobby", 2}})
}

func TestPagesCoverLargeIndex(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	var want []string
	for i := range 5000 {
		name := fmt.Sprintf("%s:%d", []string{"a", "b"}[i%2], i)
		x.Add(i%7, name)
		want = append(want, name)
	}
	slices.Sort(want)
	names := func(page []rooms.Room) (names []string) {
		for _, r := range page {
			names = append(names, r.Name)
		}
		return names
	}
	for _, limit := range []int{1, 300, 2499, 5000, 1 << 62} {
		var got []string
		for after := ""; ; after = got[len(got)-1] {
			page := x.Page("", after, limit)
			got = append(got, names(page)...)
			if len(page) < limit || limit == 1 && len(got) == 20 {
				break
			}
		}
		assertEqual(t, fmt.Sprint("pages of ", limit), got, want[:len(got)])
		if limit > 1 && len(got) != len(want) {
			t.Errorf("pages of %d: %d rooms", limit, len(got))
		}
	}
	want = slices.DeleteFunc(want, func(s string) bool { return strings.HasPrefix(s, "a") })
	assertEqual(t, "prefix", names(x.Page("b", "", 70)), want[:70])
}

func TestLargestRoomsAreSortedAndLimited(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	for m := range 5000 {
		x.Add(m, fmt.Sprint("own", m), fmt.Sprint("of two ", m/2), fmt.Sprint("large ", m%3))
	}
	own := func(name string, only int) bool { return name == fmt.Sprint("own", only) }
	assertEqual(t, "first", x.LargestFunc(5, own), []rooms.Room{{"large 0", 1667}, {"large 1", 1667}, {"large 2", 1666}, {"of two 0", 2}, {"of two 1", 2}})
	if all := x.LargestFunc(10_000, own); len(all) != 2503 || !slices.IsSortedFunc(all, func(a, b rooms.Room) int { return b.Members - a.Members }) {
		t.Errorf("got %d rooms", len(all))
	}
	assertEqual(t, "none", x.LargestFunc(0, nil), nil)
}
