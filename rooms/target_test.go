package rooms_test

import (
	"slices"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// What a target means by the names of rooms is what the index selects.
func TestTargetMeansWhatIsSelected(t *testing.T) {
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
	for bits := range 64 {
		target := rooms.Target{In: some(bits % 8), Except: append(some(bits/8), "nobody's")}
		selected := x.Select(nil, target)
		for member := range 8 {
			if got, want := target.Means(rooms.NewSet(some(member))), slices.Contains(selected, member); got != want {
				t.Errorf("%+v means who is in %v: %v, want %v", target, some(member), got, want)
			}
		}
	}
}
