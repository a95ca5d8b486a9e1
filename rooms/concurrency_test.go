package rooms_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// During concurrent changes, a member that stays is selected once, and an excluded
// member is not.
func TestConcurrentUseSelectsEachOnce(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{MaxRooms: 100})
	const staying = 200
	for m := range staying {
		x.Add(m, fmt.Sprint(m), "a", "b")
	}
	var changing, reading sync.WaitGroup
	done := make(chan struct{})
	for g := range 4 {
		changing.Go(func() { churnMembers(x, staying+g*1000) })
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					selectAll(t, x, staying, g)
				}
			}
		})
	}
	changing.Wait()
	close(done)
	reading.Wait()
	checkIndex(t, x)
	if x.Len() != staying || x.Rooms() != staying+2 {
		t.Errorf("%d members, %d rooms", x.Len(), x.Rooms())
	}
}

// churnMembers adds and removes three hundred members.
func churnMembers(x *rooms.Index[int], first int) {
	for m := first; m < first+300; m++ {
		x.Add(m, fmt.Sprint(m), "a")
		_ = x.Join(m, "b", "c", fmt.Sprint("some", m%7))
		x.Leave(m, "a")
		x.Has(m, "b")
		if m%2 == 0 {
			x.Remove(m)
		}
	}
	for m := first; m < first+300; m++ {
		x.Remove(m)
	}
}

func selectAll(t *testing.T, x *rooms.Index[int], staying, except int) {
	for _, target := range []rooms.Target{
		{Except: []string{fmt.Sprint(except)}},
		{In: []string{"a"}, Except: []string{fmt.Sprint(except)}},
		{In: []string{"a", "b", "c"}, Except: []string{fmt.Sprint(except), "some1", "some2"}},
	} {
		got := x.Select(nil, target)
		slices.Sort(got)
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%v: a member is selected twice", target)
		}
		got = slices.DeleteFunc(got, func(m int) bool { return m >= staying })
		want := slices.Delete(numberRange(0, staying), except, except+1)
		assertEqual(t, "those who stay", got, want)
	}
	if page := x.Page("", "", 10_000); !slices.Contains(page, rooms.Room{Name: "7", Members: 1}) {
		t.Error("a room that stays is not on the page")
	}
}
