package redisadapter

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

// roomNode is a node that has rooms.
type roomNode struct {
	*redistest.Node
	mu       sync.Mutex // guards the following
	rooms    map[string]bool
	watchers map[*roomNodeWatch]func(string)
	panics   bool // at the next call of Has
}

type roomNodeWatch struct{ of *roomNode }

func (r *roomNode) HasRoom(room string) bool { return (&roomNodeWatch{r}).Has(room) }

func (r *roomNode) WatchRooms(changed func(string)) cluster.RoomWatch {
	w := &roomNodeWatch{r}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers[w] = changed
	return w
}

func (w *roomNodeWatch) Has(room string) bool {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	if w.of.panics {
		w.of.panics = false
		panic("broken node")
	}
	return w.of.rooms[room]
}

func (w *roomNodeWatch) Rooms() []string {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return slices.Collect(maps.Keys(w.of.rooms))
}

func (w *roomNodeWatch) Stop() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	delete(w.of.watchers, w)
}

// setRooms adds or removes rooms.
func (r *roomNode) setRooms(exists bool, names ...string) {
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

// openRoomNode opens a namespace for a node that has rooms.
func openRoomNode(t testing.TB, c cluster.Cluster, namespace string, rooms ...string) *roomNode {
	t.Helper()
	r := &roomNode{
		Node:  redistest.NewNode(t),
		rooms: make(map[string]bool), watchers: make(map[*roomNodeWatch]func(string)),
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

// openShardedPair returns nodes of two processes that are subscribed.
func openShardedPair(t testing.TB, s *redistest.Server, mode Mode, rooms ...string) (a, b *roomNode) {
	t.Helper()
	a, b = openRoomNode(t, startNode(t, s, inMode(mode)), "/chat", rooms...), openRoomNode(t, startNode(t, s, inMode(mode)), "/chat", rooms...)
	a.WaitNodes(2)
	b.WaitNodes(2)
	return a, b
}

// waitSubscribers waits until a channel has that many subscribers.
func waitSubscribers(t testing.TB, s *redistest.Server, channel string, count int) {
	t.Helper()
	redistest.Eventually(t, fmt.Sprintf("%d are subscribed to %s", count, channel), func() bool { return countByPublishing(s, channel) == count })
}

func countByPublishing(s *redistest.Server, channel string) (count int) {
	fmt.Sscanf(s.Command("SPUBLISH", channel, `{"type":2,"nsp":"/chat"}`), ":%d", &count)
	return count
}
