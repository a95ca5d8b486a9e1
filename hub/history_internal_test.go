package hub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

func newHistoryCache() *budget.Cache { return NewMemory(0).NewCache(budget.History, maxHistoryTotal) }

// newKeptEvent returns an event of so many bytes that is kept now.
func newKeptEvent(size int) keptEvent {
	return keptEvent{message: eio.NewMessage(make([]byte, size-1), nil, true), at: time.Now()}
}

// checkBytes compares the bytes that a store counts with the ones that it has.
func checkBytes(t *testing.T, h *historyStore) {
	t.Helper()
	var bytes int64
	for place := h.recent.Front(); place != nil; place = place.Next() {
		r := place.Value.(*keptRoom)
		bytes += int64(len(r.name) + keptRoomCost)
		for i := range r.events {
			bytes += r.events[i].size()
		}
	}
	if h.bytes != bytes || len(h.rooms) != h.recent.Len() {
		t.Errorf("counts %d bytes, has %d; %d rooms, %d in order", h.bytes, bytes, len(h.rooms), h.recent.Len())
	}
}

func TestHistoryKeepsNewestEvents(t *testing.T) {
	h, rule := newHistoryStore(newHistoryCache(), nil), &historyRule{keep: 3, maxAge: time.Hour}
	for size := 11; size < 20; size++ {
		h.recordEvent(rule, "a", newKeptEvent(size))
	}
	for space, want := range map[int]string{1000: "[17 18 19]", 54: "[17 18 19]", 53: "[18 19]", 18: "[]", 0: "[]", -1: "[]"} {
		sizes := []int{}
		for _, e := range h.readEvents("a", space) {
			sizes = append(sizes, e.message.Size())
		}
		if got := fmt.Sprint(sizes); got != want {
			t.Errorf("space %d: got %s, want %s", space, got, want)
		}
	}
	checkBytes(t, h)
}

func TestHistoryDropsRoomOfOldestEvent(t *testing.T) {
	h, rule := newHistoryStore(newHistoryCache(), nil), &historyRule{keep: 2, maxAge: time.Hour}
	for i := range maxHistoryRooms {
		h.recordEvent(rule, fmt.Sprint(i), newKeptEvent(10))
	}
	h.recordEvent(rule, "0", newKeptEvent(10))
	h.recordEvent(rule, "another", newKeptEvent(10))
	if h.rooms["0"] == nil || h.rooms["1"] != nil || h.rooms["2"] == nil || len(h.rooms) != maxHistoryRooms {
		t.Error("another room was dropped", len(h.rooms))
	}
	checkBytes(t, h)
	h.closeStore()
	h.recordEvent(rule, "a", newKeptEvent(10))
	if checkBytes(t, h); h.totalBytes() != 0 {
		t.Error("a closed store keeps events")
	}
}

func TestHistoryHasLimitOfBytes(t *testing.T) {
	h, rule := newHistoryStore(newHistoryCache(), nil), &historyRule{keep: 1000, maxAge: time.Hour}
	for range 200 {
		h.recordEvent(rule, "a", newKeptEvent(100_000))
	}
	if n := len(h.readEvents("a", 1<<30)); n > maxHistoryBytes/100_000 || n < maxHistoryBytes/100_500 {
		t.Errorf("the only room has %d events", n)
	}
	for range 100 {
		h.recordEvent(rule, "b", newKeptEvent(100_000))
	}
	if h.rooms["a"] != nil || len(h.readEvents("b", 1<<30)) != 100 {
		t.Error("the room of the newest event was dropped")
	}
	checkBytes(t, h)
}

func TestNamespaceWithMostHistoryMakesRoomForOthers(t *testing.T) {
	memory := NewMemory(8 << 20) // a megabyte for history
	cache, rule := memory.NewCache(budget.History, maxHistoryTotal), &historyRule{keep: 1000, maxAge: time.Hour}
	small, large := newHistoryStore(cache, nil), newHistoryStore(cache, nil)
	small.recordEvent(rule, "a", newKeptEvent(10_000))
	for i := range 100 {
		large.recordEvent(rule, fmt.Sprint(i/10), newKeptEvent(100_000))
		if n := memory.Used(); n > 1<<20 {
			t.Fatalf("%d bytes are kept", n)
		}
	}
	if len(small.readEvents("a", 1<<20)) != 1 {
		t.Error("another namespace has lost its history")
	}
	if n := len(large.readEvents("9", 1<<30)); n < 8 {
		t.Errorf("%d events of the newest room are left", n)
	}
	checkBytes(t, small)
	checkBytes(t, large)
	small.closeStore()
	large.closeStore()
	if n := memory.Used(); n != 0 {
		t.Errorf("%d bytes are counted for no event", n)
	}
}

func TestHistoryExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, rule := newHistoryStore(newHistoryCache(), nil), &historyRule{keep: 10, maxAge: time.Minute}
		h.recordEvent(rule, "a", newKeptEvent(10))
		h.recordEvent(rule, "b", newKeptEvent(10))
		time.Sleep(30 * time.Second)
		h.recordEvent(rule, "a", newKeptEvent(20))
		time.Sleep(30 * time.Second)
		if events := h.readEvents("a", 1000); len(events) != 1 || events[0].message.Size() != 20 {
			t.Errorf("got %d events", len(events))
		}
		if h.rooms["b"] == nil {
			t.Error("an event expires without a use of the store")
		}
		h.recordEvent(rule, "c", newKeptEvent(10))
		if h.rooms["b"] != nil {
			t.Error("an expired room stays while others get events")
		}
		time.Sleep(time.Hour)
		if len(h.readEvents("a", 1000)) > 0 || h.rooms["a"] != nil {
			t.Error("events are read after they expired")
		}
		checkBytes(t, h)
	})
}

func TestHistoryFollowsNewRules(t *testing.T) {
	h := newHistoryStore(newHistoryCache(), nil)
	old := newHistoryRules([]History{{Rooms: []string{"*"}}})
	for range 30 {
		h.recordEvent(&old[0], "a", newKeptEvent(10))
		h.recordEvent(&old[0], "b", newKeptEvent(10))
	}
	h.applyRules(newHistoryRules([]History{{Rooms: []string{"a"}, Keep: 5}}))
	if len(h.readEvents("a", 1000)) != 5 || h.rooms["b"] != nil {
		t.Errorf("got %d events, b is %v", len(h.readEvents("a", 1000)), h.rooms["b"])
	}
	checkBytes(t, h)
}
