package rooms_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// recordEvents subscribes, and returns the list that the events are added to.
func recordEvents(x *rooms.Index[int]) (events *[]string, cancel func()) {
	events = new([]string)
	return events, x.Subscribe(func(ev rooms.Event[int]) { *events = append(*events, formatEvent(ev)) })
}

func formatEvent(ev rooms.Event[int]) string {
	return fmt.Sprint(ev.Kind, " ", ev.Room, " ", ev.Member)
}

func TestEventsComeInOrder(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{MaxRooms: 3})
	x.Add(0, "early")
	got, cancel := recordEvents(x)
	x.Add(1, "own", "a")
	x.Add(2)
	if err := x.Join(2, "a", "b", "a"); err != nil {
		t.Fatal(err)
	}
	if x.Join(2, "c", "d") == nil {
		t.Fatal("no error")
	}
	x.Leave(1, "a", "c", "a", "b")
	x.Remove(2)
	x.Remove(2)
	x.Remove(1)
	cancel()
	cancel()
	x.Remove(0)
	assertEqual(t, "events", *got, []string{
		"create-room own 1", "join-room own 1", "create-room a 1", "join-room a 1",
		"join-room a 2", "create-room b 2", "join-room b 2",
		"leave-room a 1",
		"leave-room a 2", "delete-room a 2", "leave-room b 2", "delete-room b 2",
		"leave-room own 1", "delete-room own 1",
	})
	checkIndex(t, x)
}

func TestKindsHaveSocketIONames(t *testing.T) {
	t.Parallel()
	for k, want := range map[rooms.Kind]string{
		rooms.Create: "create-room", rooms.Join: "join-room", rooms.Leave: "leave-room",
		rooms.Delete: "delete-room", 9: "rooms.Kind(9)",
	} {
		if got := k.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A subscriber may change the index. The events of its changes follow after it returns.
func TestSubscriberMayChangeIndex(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	var cancel func()
	cancel = x.Subscribe(func(ev rooms.Event[int]) {
		switch {
		case ev.Kind == rooms.Join && ev.Room == "a":
			x.Leave(ev.Member, "a")
			x.Add(ev.Member+1, "b")
		case ev.Kind == rooms.Join && ev.Room == "b":
			if x.Size("b") != 1 {
				t.Error("not in the room that was joined")
			}
			cancel()
		case ev.Kind == rooms.Leave:
			x.Subscribe(func(rooms.Event[int]) {})
		}
	})
	got, _ := recordEvents(x)
	x.Add(1, "a")
	assertEqual(t, "events", *got, []string{
		"create-room a 1", "join-room a 1", "leave-room a 1", "delete-room a 1",
		"create-room b 2", "join-room b 2",
	})
}

func TestCanceledSubscriberIsNotCalled(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	var cancel func()
	x.Subscribe(func(rooms.Event[int]) { cancel() })
	got, cancel := recordEvents(x)
	x.Add(1, "a") // the first subscriber cancels the second, which has pending events
	assertEqual(t, "events", *got, nil)
}

// A panic reaches the caller of the change; the pending events follow the next change.
func TestPanicKeepsPendingEvents(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	x.Subscribe(func(ev rooms.Event[int]) {
		if ev.Room == "a" && ev.Kind == rooms.Create {
			panic("subscriber")
		}
	})
	got, _ := recordEvents(x)
	func() {
		defer func() {
			if recover() != "subscriber" {
				t.Error("the panic got lost")
			}
		}()
		x.Add(1, "a", "b")
	}()
	assertEqual(t, "rooms", x.RoomsOf(1), []string{"a", "b"})
	x.Leave(1, "a")
	assertEqual(t, "events", *got, []string{
		"create-room a 1", "join-room a 1", "create-room b 1", "join-room b 1",
		"leave-room a 1", "delete-room a 1",
	})
}

// A subscriber may panic at the last pending event.
func TestPanicAtLastEventLosesNoEvent(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	x.Add(1, "a")
	got, _ := recordEvents(x)
	x.Subscribe(func(ev rooms.Event[int]) {
		if ev.Kind == rooms.Delete {
			panic("subscriber")
		}
	})
	func() {
		defer func() { _ = recover() }()
		x.Leave(1, "a")
	}()
	x.Add(1, "b")
	assertEqual(t, "events", *got, []string{"leave-room a 1", "delete-room a 1", "create-room b 1", "join-room b 1"})
}

// A slow subscriber delays neither joins nor selections, and one goroutine at a time
// calls it.
func TestSlowSubscriberBlocksNoChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := rooms.NewIndex[int](rooms.Options{})
		goOn := make(chan struct{})
		calls := 0
		x.Subscribe(func(rooms.Event[int]) {
			calls++
			<-goOn
		})
		go x.Add(1, "a")
		synctest.Wait()
		if calls != 1 {
			t.Fatalf("%d calls", calls)
		}
		x.Add(2, "a", "b")
		x.Leave(1, "a")
		assertEqual(t, "room", x.Select(nil, rooms.Target{In: []string{"a"}}), []int{2})
		if calls != 1 {
			t.Errorf("%d calls at a time", calls)
		}
		close(goOn)
		synctest.Wait()
		if calls != 6 {
			t.Errorf("%d calls", calls)
		}
	})
}

// With concurrent changes, the events still match the memberships.
func TestConcurrentEventsMatchMemberships(t *testing.T) {
	t.Parallel()
	x := rooms.NewIndex[int](rooms.Options{})
	sizes := map[string]int{} // only touched by the subscriber, and after Wait
	x.Subscribe(func(ev rooms.Event[int]) {
		n, exists := sizes[ev.Room]
		switch ev.Kind {
		case rooms.Create:
			if exists {
				t.Errorf("%s exists", ev.Room)
			}
			sizes[ev.Room] = 0
		case rooms.Join:
			sizes[ev.Room] = n + 1
		case rooms.Leave:
			sizes[ev.Room] = n - 1
		case rooms.Delete:
			if n != 0 {
				t.Errorf("%s deleted with %d members", ev.Room, n)
			}
			delete(sizes, ev.Room)
		}
	})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				x.Add(g, fmt.Sprint("room", i%5), "lobby")
				x.Leave(g, "lobby")
				if i%3 == 0 {
					x.Remove(g)
				}
			}
		})
	}
	wg.Wait()
	x.Add(99, "end") // the goroutine that calls subscribers has returned
	for room, n := range sizes {
		if x.Size(room) != n {
			t.Errorf("%s has %d members, told of %d", room, x.Size(room), n)
		}
	}
	if len(sizes) != x.Rooms() {
		t.Errorf("%d rooms, told of %d", x.Rooms(), len(sizes))
	}
	checkIndex(t, x)
}
