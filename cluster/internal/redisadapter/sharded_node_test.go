package redisadapter

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
)

// roomy is a node that has rooms.
type roomy struct {
	*redistest.Node
	mu       sync.Mutex // guards the following
	rooms    map[string]bool
	watchers map[*roomyWatch]func(string)
	broken   bool // the next one who asks for a room makes it panic
}

type roomyWatch struct{ of *roomy }

func (r *roomy) HasRoom(room string) bool { return (&roomyWatch{r}).Has(room) }

func (r *roomy) WatchRooms(changed func(string)) cluster.RoomWatch {
	w := &roomyWatch{r}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers[w] = changed
	return w
}

func (w *roomyWatch) Has(room string) bool {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	if w.of.broken {
		w.of.broken = false
		panic("broken node")
	}
	return w.of.rooms[room]
}

func (w *roomyWatch) Rooms() []string {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return slices.Collect(maps.Keys(w.of.rooms))
}

func (w *roomyWatch) Stop() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	delete(w.of.watchers, w)
}

// set makes a room be there, or not.
func (r *roomy) set(exists bool, names ...string) {
	for _, room := range names {
		r.mu.Lock()
		delete(r.rooms, room)
		if exists {
			r.rooms[room] = true
		}
		all := slices.Collect(maps.Values(r.watchers))
		r.mu.Unlock()
		for _, changed := range all {
			changed(room)
		}
	}
}

// enter opens a namespace for a node that has rooms.
func enter(t testing.TB, c cluster.Cluster, namespace string, rooms ...string) *roomy {
	t.Helper()
	r := &roomy{
		Node:  redistest.NewNode(t),
		rooms: make(map[string]bool), watchers: make(map[*roomyWatch]func(string)),
	}
	for _, room := range rooms {
		r.rooms[room] = true
	}
	var err error
	if r.Adapter, err = c.Open(namespace, r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Adapter.Close() })
	return r
}

// shardPair returns nodes of two processes that see each other.
func shardPair(t testing.TB, s *redistest.Server, mode Mode, rooms ...string) (a, b *roomy) {
	t.Helper()
	a, b = enter(t, startNode(t, s, inMode(mode)), "/chat", rooms...), enter(t, startNode(t, s, inMode(mode)), "/chat", rooms...)
	a.WaitNodes(2)
	b.WaitNodes(2)
	return a, b
}

// subscribers waits until so many servers are subscribed to a channel.
func subscribers(t testing.TB, s *redistest.Server, channel string, count int) {
	t.Helper()
	redistest.Eventually(t, fmt.Sprintf("%d are subscribed to %s", count, channel), func() bool { return numsub(s, channel) == count })
}

func numsub(s *redistest.Server, channel string) (count int) {
	fmt.Sscanf(s.Command("SPUBLISH", channel, `{"type":2,"nsp":"/chat"}`), ":%d", &count)
	return count
}
