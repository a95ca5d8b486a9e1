package hub

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/memory"
)

// newWatchedNamespace returns a namespace with the room "before", and its watch. changes
// returns the rooms reported since the last call, with a + if the room exists.
func newWatchedNamespace(window time.Duration) (ns *Namespace, w *roomWatch, changes func() []string) {
	h := &Hub{recoveryBounds: memory.NewBounds(NewMemory(0), addressOfLost)}
	h.recovery.Store(int64(window))
	ns = newNamespace(h, "/")
	var mu sync.Mutex // guards all
	var all []string
	ns.index.Add(new(Socket), "before")
	w = node{ns}.WatchRooms(func(room string) {
		if w.Has(room) {
			room = "+" + room
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, room)
	}).(*roomWatch)
	return ns, w, func() []string {
		mu.Lock()
		defer mu.Unlock()
		defer func() { all = nil }()
		return all
	}
}

func wantRooms(t *testing.T, label string, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", label, got, want)
	}
}

func TestWatchRoomsReportsChanges(t *testing.T) {
	ns, w, changes := newWatchedNamespace(0)
	wantRooms(t, "rooms", w.Rooms(), "before")
	a, b := new(Socket), new(Socket)
	ns.index.Add(a, "a", "r")
	ns.index.Add(b, "b", "r")
	wantRooms(t, "rooms", w.Rooms(), "a", "b", "before", "r")
	ns.index.Remove(a)
	wantRooms(t, "changes", changes(), "+a", "+b", "+r", "a")
	if !(node{ns}).HasRoom("r") || (node{ns}).HasRoom("a") || w.Has("a") {
		t.Error("wrong rooms are there")
	}
	w.Stop()
	ns.index.Remove(b)
	wantRooms(t, "changes after the end", changes())
}

// Rooms of lost sockets are watched while the sockets may be recovered.
func TestWatchRoomsKeepsRoomsOfLostSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ns, w, changes := newWatchedNamespace(time.Minute)
		defer w.Stop()
		s := new(Socket)
		ns.index.Add(s, "r", "q")
		changes()
		ns.index.Remove(s)
		wantRooms(t, "rooms", w.Rooms(), "before", "q", "r")
		wantRooms(t, "changes", changes())
		if !(node{ns}).HasRoom("r") || !w.Has("r") {
			t.Error("a room of a lost socket is not watched")
		}
		time.Sleep(time.Minute)
		ns.index.Add(s, "r")
		ns.index.Remove(s) // the time starts again
		wantRooms(t, "changes", changes(), "+r")
		time.Sleep(emptyRoomDelay)
		synctest.Wait()
		wantRooms(t, "changes", changes(), "q")
		time.Sleep(time.Minute)
		synctest.Wait()
		wantRooms(t, "changes", changes(), "r")
		wantRooms(t, "rooms", w.Rooms(), "before")
	})
}

func TestWatchRoomsRemovesOldestEmptyRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ns, w, _ := newWatchedNamespace(time.Hour)
		defer w.Stop()
		for i := range maxEmptyRooms + 10 {
			s := new(Socket)
			ns.index.Add(s, string(rune('\U00010000'+i)))
			ns.index.Remove(s)
		}
		synctest.Wait()
		if n := len(w.Rooms()); n > maxEmptyRooms+1 {
			t.Errorf("%d rooms", n)
		}
		if w.Has("\U00010000") || !w.Has(string(rune('\U00010000'+maxEmptyRooms))) {
			t.Error("another room than the oldest is removed")
		}
	})
}
