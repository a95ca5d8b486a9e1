package hub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// takeRoom takes an emit of so many bytes from the buckets of a room.
func takeRoom(ns *Namespace, room string, bytes float64) (reason string) {
	_, reason = ns.hub.roomBuckets.takeAll(ns, ns.rules.Load().listRoomCharges([]string{room}), bytes)
	return reason
}

// countRoomBuckets returns how many rooms have buckets, and whether a timer runs.
func countRoomBuckets(h *Hub) (n int, timed bool) {
	h.roomBuckets.mu.Lock()
	defer h.roomBuckets.mu.Unlock()
	return len(h.roomBuckets.byRoom), h.roomBuckets.timer != nil
}

func TestBucketsOfRoomsExistWhileTheyAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{})
		config := NamespaceConfig{Name: "/", RoomRates: []RoomRate{
			{Rooms: []string{"slow"}, Bytes: Rate{PerSecond: 1, Burst: 30}},
			{Rooms: []string{"*"}, Events: Rate{PerSecond: 1, Burst: 2}},
		}}
		h.Configure(Config{Namespaces: []NamespaceConfig{config}})
		ns := h.Of("/")
		for i, want := range []string{"", "", limitedRoom} {
			if got := takeRoom(ns, "a", 1); got != want {
				t.Errorf("emit %d: got %q, want %q", i, got, want)
			}
		}
		time.Sleep(time.Second)
		if takeRoom(ns, "a", 1) != "" || takeRoom(ns, "a", 1) != limitedRoom {
			t.Error("a second is not one emit")
		}
		if takeRoom(ns, "slow", 30) != "" || takeRoom(ns, "slow", 1) != limitedRoomBytes {
			t.Error("the bytes are not limited")
		}
		time.Sleep(15 * time.Second)
		if n, timed := countRoomBuckets(h); n != 1 || !timed {
			t.Errorf("%d rooms, timer %v: want the slow one", n, timed)
		}
		time.Sleep(30 * time.Second)
		if n, timed := countRoomBuckets(h); n != 0 || timed {
			t.Errorf("%d rooms, timer %v: want none", n, timed)
		}
		takeRoom(ns, "slow", 1000)
		config.RoomRates = nil // then the buckets are of no use
		h.Configure(Config{Namespaces: []NamespaceConfig{config}})
		time.Sleep(15 * time.Second)
		if n, timed := countRoomBuckets(h); n != 0 || timed {
			t.Errorf("%d rooms, timer %v: want none without limits", n, timed)
		}
		h.Close()
	})
}

func TestBucketsOfRoomsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{})
		h.Configure(Config{Namespaces: []NamespaceConfig{{Name: "/", RoomRates: []RoomRate{
			{Rooms: []string{"*"}, Events: Rate{PerSecond: 1e-9, Burst: 1}},
		}}}})
		ns := h.Of("/")
		for i := range 2 * maxRoomBuckets {
			if reason := takeRoom(ns, fmt.Sprint(i), 1); reason != "" {
				t.Fatalf("room %d: %s", i, reason)
			}
		}
		if n, timed := countRoomBuckets(h); n != maxRoomBuckets || !timed {
			t.Errorf("%d rooms, timer %v", n, timed)
		}
		h.Close()
		time.Sleep(15 * time.Second)
		if n, timed := countRoomBuckets(h); n != 0 || timed {
			t.Errorf("%d rooms, timer %v: want none of a closed hub", n, timed)
		}
	})
}
