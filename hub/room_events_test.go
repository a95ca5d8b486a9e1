package hub_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// roomLog collects the events of rooms of all nodes.
type roomLog struct {
	mu     sync.Mutex
	events []string
}

// newRoomConfig returns a config whose rule for rooms adds to the log.
func (l *roomLog) newRoomConfig(c cluster.Cluster) hub.Config {
	config := newPresenceConfig(c)
	config.Namespaces[0].Rules = append(config.Namespaces[0].Rules, hub.Rule{
		Events: []string{"room_occupied", "room_vacated"}, Rooms: []string{"lobby", "room:*"},
		Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.events = append(l.events, ev.Name+" "+ev.Room)
			return nil
		})},
	})
	return config
}

func (l *roomLog) wantEvents(t *testing.T, events ...string) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.events, events) {
		t.Errorf("got %q, want %q", l.events, events)
	}
}

func TestRoomEventsOfOneNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log roomLog
		n := newPresenceNode(t, log.newRoomConfig(nil))
		ada, bob := n.connectAs("ada"), n.connectAs("bob")
		ada.callEvent("join", "other")
		ada.callEvent("join", "lobby")
		bob.callEvent("join", "lobby")
		ada.callEvent("leave", "lobby")
		log.wantEvents(t, "room_occupied lobby")
		bob.conn.Close()
		log.wantEvents(t, "room_occupied lobby", "room_vacated lobby")
	})
}

// A change of a room is announced by one node, and the successor of a leader announces
// the changes since its death and nothing again.
func TestRoomEventsHappenOnceInCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log roomLog
		b := newBus()
		one := newPresenceNode(t, log.newRoomConfig(b.member()))
		time.Sleep(4 * time.Second)
		two := newPresenceNode(t, log.newRoomConfig(b.member()))
		time.Sleep(4 * time.Second)
		ada, bob := one.connectAs("ada"), two.connectAs("bob")
		want := []string{"room_occupied lobby", "room_occupied room:1"}
		bob.callEvent("join", "lobby")
		log.wantEvents(t, want[:1]...) // the events of different rooms have no order
		ada.callEvent("join", "lobby")
		ada.callEvent("join", "room:1")
		log.wantEvents(t, want...)
		b.kill(0) // the leader
		bob.callEvent("join", "room:2")
		log.wantEvents(t, want...)
		time.Sleep(11 * time.Second)
		log.wantEvents(t, append(want, sortedTail(&log, 2, "room_occupied room:2", "room_vacated room:1")...)...)
		bob.callEvent("leave", "lobby")
		synctest.Wait()
		log.mu.Lock()
		defer log.mu.Unlock()
		if last := log.events[len(log.events)-1]; len(log.events) != 5 || last != "room_vacated lobby" {
			t.Errorf("got %q", log.events)
		}
	})
}

// sortedTail returns the events of two rooms in the order in which they happened: the
// events of different rooms have none.
func sortedTail(l *roomLog, n int, events ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) > n && l.events[n] == events[1] {
		slices.Reverse(events)
	}
	return events
}

// A reload that adds a rule for rooms announces the rooms that are occupied.
func TestReloadAddsRoomEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log roomLog
		n := newPresenceNode(t, newPresenceConfig(nil))
		ada := n.connectAs("ada")
		ada.callEvent("join", "lobby")
		for range 2 {
			next := n.Configure(log.newRoomConfig(nil))
			n.gen.Release()
			n.gen = next
			log.wantEvents(t, "room_occupied lobby")
		}
	})
}
