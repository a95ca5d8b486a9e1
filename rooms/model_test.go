package rooms_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// model is the naive twin of an index: the rooms of each member, in join order.
type model struct {
	max int
	of  map[int][]string
}

func (n *model) addMember(m int, names ...string) {
	if n.of[m] == nil {
		n.of[m] = []string{}
	}
	for _, name := range names {
		if !slices.Contains(n.of[m], name) {
			n.of[m] = append(n.of[m], name)
		}
	}
}

func (n *model) joinRooms(m int, names ...string) bool {
	before, known := n.of[m]
	if !known {
		return true
	}
	before = slices.Clone(before)
	if n.addMember(m, names...); len(n.of[m]) > max(n.max, len(before)) {
		n.of[m] = before
		return false
	}
	return true
}

func (n *model) leaveRooms(m int, names ...string) {
	if joined, known := n.of[m]; known {
		n.of[m] = slices.DeleteFunc(joined, func(name string) bool { return slices.Contains(names, name) })
	}
}

func (n *model) selectMembers(t rooms.Target) (picked []int) {
	inAny := func(joined, names []string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(joined, name) })
	}
	for m, joined := range n.of {
		if !t.None && (len(t.In) == 0 || inAny(joined, t.In)) && !inAny(joined, t.Except) {
			picked = append(picked, m)
		}
	}
	return sortMembers(picked)
}

func (n *model) pageRooms(prefix, after string, limit int) (pageRooms []rooms.Room) {
	sizes := map[string]int{}
	for _, joined := range n.of {
		for _, name := range joined {
			sizes[name]++
		}
	}
	for name, size := range sizes {
		if strings.HasPrefix(name, prefix) && name > after {
			pageRooms = append(pageRooms, rooms.Room{Name: name, Members: size})
		}
	}
	slices.SortFunc(pageRooms, func(a, b rooms.Room) int { return strings.Compare(a.Name, b.Name) })
	return pageRooms[:min(limit, len(pageRooms))]
}

// program is a source of decisions; it ends with its bytes.
type program []byte

func (p *program) nextInt(n int) int {
	if len(*p) == 0 {
		return 0
	}
	b := (*p)[0]
	*p = (*p)[1:]
	return int(b) % n
}

func (p *program) nextNames() []string {
	names := make([]string, p.nextInt(4))
	for i := range names {
		names[i] = fmt.Sprint("r", p.nextInt(40))
	}
	return names
}

// runProgram applies a program to an index and to its model, and compares them.
func runProgram(t *testing.T, p program) {
	x, twin := rooms.NewIndex[int](rooms.Options{MaxRooms: 24}), &model{max: 24, of: map[int][]string{}}
	eventSizes := map[string]int{} // sizes of rooms according to the events
	x.Subscribe(func(ev rooms.Event[int]) {
		switch ev.Kind {
		case rooms.Join:
			eventSizes[ev.Room]++
		case rooms.Leave:
			eventSizes[ev.Room]--
		case rooms.Create:
			eventSizes[ev.Room] = 0
		case rooms.Delete:
			delete(eventSizes, ev.Room)
		}
	})
	for len(p) > 0 {
		m := p.nextInt(32)
		switch p.nextInt(8) {
		case 0, 1:
			names := append(p.nextNames(), fmt.Sprint("id", m))
			x.Add(m, names...)
			twin.addMember(m, names...)
		case 2, 3, 4:
			names := append(append(p.nextNames(), p.nextNames()...), p.nextNames()...)
			if err := x.Join(m, names...); (err == nil) != twin.joinRooms(m, names...) {
				t.Fatalf("join: %v", err)
			}
		case 5:
			names := p.nextNames()
			x.Leave(m, names...)
			twin.leaveRooms(m, names...)
		case 6:
			x.Remove(m)
			delete(twin.of, m)
		case 7:
			target := rooms.Target{In: p.nextNames(), Except: p.nextNames()}
			if p.nextInt(3) == 0 {
				target = rooms.Target{Except: target.Except}.AddRooms(p.nextNames()...)
			}
			assertEqual(t, fmt.Sprint(target), sortMembers(x.Select(nil, target)), twin.selectMembers(target))
			limit := p.nextInt(20)
			assertEqual(t, "page", x.Page("r", "r2", limit), twin.pageRooms("r", "r2", limit))
		}
	}
	compareWithModel(t, x, twin, eventSizes)
}

func compareWithModel(t *testing.T, x *rooms.Index[int], twin *model, eventSizes map[string]int) {
	checkIndex(t, x)
	assertEqual(t, "everyone", sortMembers(x.Select(nil, rooms.Target{})), twin.selectMembers(rooms.Target{}))
	for m := range 32 {
		assertEqual(t, "rooms", x.RoomsOf(m), twin.of[m])
	}
	all := twin.pageRooms("", "", 1000)
	assertEqual(t, "all rooms", x.Page("", "", 1000), all)
	if len(all) != x.Rooms() || len(eventSizes) != x.Rooms() || len(twin.of) != x.Len() {
		t.Errorf("%d rooms instead of %d, heard of %d; %d members instead of %d",
			x.Rooms(), len(all), len(eventSizes), x.Len(), len(twin.of))
	}
	for _, r := range all {
		if eventSizes[r.Name] != r.Members || x.Size(r.Name) != r.Members {
			t.Errorf("%v: heard of %d members, size %d", r, eventSizes[r.Name], x.Size(r.Name))
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 2, 5, 6, 1, 7, 1, 5, 1, 6})
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		p := make([]byte, 1000)
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) { runProgram(t, p) })
}

// The same with many members, so that tables divide, marks are wiped in part, and
// Select takes each of its paths.
func TestLargeIndexMatchesModel(t *testing.T) {
	t.Parallel()
	const members = 3000
	random := rand.New(rand.NewPCG(3, 4))
	x, twin := rooms.NewIndex[int](rooms.Options{}), &model{of: map[int][]string{}}
	room := func() string { return fmt.Sprint("r", random.IntN(1<<random.IntN(10))) }
	names := func(n int) []string {
		list := make([]string, random.IntN(n))
		for i := range list {
			if list[i] = room(); random.IntN(2) == 0 {
				list[i] = fmt.Sprint("id", random.IntN(members))
			}
		}
		return list
	}
	for step := range 12_000 {
		m := random.IntN(members)
		switch {
		case step < 6000 || step%3 == 0:
			id, other := fmt.Sprint("id", m), room()
			x.Add(m, id, other)
			twin.addMember(m, id, other)
		case step%3 == 1:
			gone := names(5)
			x.Leave(m, gone...)
			twin.leaveRooms(m, gone...)
		default:
			x.Remove(m)
			delete(twin.of, m)
		}
		if step%200 == 0 {
			target := rooms.Target{In: names(4), Except: names(4)}
			assertEqual(t, fmt.Sprint(target), sortMembers(x.Select(nil, target)), twin.selectMembers(target))
			checkIndex(t, x)
		}
	}
	assertEqual(t, "page", x.Page("r", "r3", 50), twin.pageRooms("r", "r3", 50))
}
