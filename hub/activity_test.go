package hub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// connectIdle connects a client to a namespace that polls no more: events wait in its queue.
// The caller runs in a bubble of synctest.
func connectIdle(t testing.TB, h *hub.Hub, namespace string, rooms ...string) *hub.Socket {
	t.Helper()
	serve := func(method, query, body string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/socket.io/?EIO=4&transport=polling"+query, strings.NewReader(body)))
		return w.Body.String()
	}
	ns := h.Of(namespace)
	sid := "&sid=" + strings.Split(serve("GET", "", ""), `"`)[3]
	serve("POST", sid, "40"+namespace+",")
	answer := serve("GET", sid, "")
	s, ok := ns.Socket(strings.Split(answer, `"`)[3])
	if !ok {
		t.Fatalf("got %q", answer)
	}
	if err := s.Join(rooms...); err != nil {
		t.Fatal(err)
	}
	return s
}

// measureActivity measures while do runs.
func measureActivity(t testing.TB, h *hub.Hub, q hub.ActivityQuery, do func()) *hub.Activity {
	t.Helper()
	type result struct {
		*hub.Activity
		error
	}
	done := make(chan result)
	go func() {
		a, err := h.MeasureActivity(t.Context(), q)
		done <- result{a, err}
	}()
	synctest.Wait()
	do()
	got := <-done
	if got.error != nil {
		t.Fatal(got.error)
	}
	return got.Activity
}

// emitTimes emits to rooms a number of times.
func emitTimes(t testing.TB, b hub.Broadcast, times int) {
	t.Helper()
	for range times {
		if _, err := b.Emit("news", "hello"); err != nil {
			t.Error(err)
		}
	}
}

func TestActivityCountsEmitsExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		defer h.Close()
		chat, main := h.Of("/chat"), h.Of("/")
		ada := connectIdle(t, h, "/chat", "lobby", "chess")
		bob := connectIdle(t, h, "/chat", "lobby")
		eve := connectIdle(t, h, "/", "lobby")
		emitTimes(t, chat.To("lobby"), 5) // before the measurement
		got := measureActivity(t, h, hub.ActivityQuery{For: 2 * time.Second}, func() {
			emitTimes(t, chat.To("lobby"), 3)                            // 2 sockets each
			emitTimes(t, chat.To("lobby", "chess", "chess", "empty"), 2) // 2 sockets each, 1 of chess
			emitTimes(t, ada.To("lobby"), 4)                             // without ada
			emitTimes(t, chat.All(), 1)                                  // 2 sockets, no room
			emitTimes(t, chat.To(bob.ID()), 1)                           // its own room
			emitTimes(t, main.To("lobby"), 1)
			if err := eve.Emit("hello"); err != nil {
				t.Error(err)
			}
		})
		emitTimes(t, chat.To("lobby"), 5) // after it
		want := &hub.Activity{
			Time: got.Time, Seconds: 2, Nodes: 1, Complete: true, Sockets: 3, Deliveries: 19,
			Namespaces: []hub.NamespaceActivity{{Name: "/chat", Sockets: 2, Deliveries: 6 + 4 + 4 + 2 + 1}, {Name: "/", Sockets: 1, Deliveries: 2}},
			Rooms: []hub.RoomActivity{
				{Namespace: "/chat", Name: "lobby", Sockets: 2, Deliveries: 6 + 4 + 4},
				{Namespace: "/chat", Name: "chess", Sockets: 1, Deliveries: 2},
				{Namespace: "/", Name: "lobby", Sockets: 1, Deliveries: 1},
			},
			Queues: got.Queues,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got\n%+v, want\n%+v", got, want)
		}
		if len(got.Queues) != 3 || got.Queues[0].Socket != bob.ID() || got.Queues[0].Messages != 5+3+2+4+1+1 || got.Queues[0].Transport != "polling" || got.Queues[0].Bytes == 0 {
			t.Errorf("got the queues %+v", got.Queues)
		}
	})
}

// TestActivityIsOrderedAndLimited checks the lists without a measurement of deliveries.
func TestActivityIsOrderedAndLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		defer h.Close()
		for i := range 5 {
			for j := range i + 1 {
				connectIdle(t, h, "/org-"+strconv.Itoa(i%2), fmt.Sprint("room", i), fmt.Sprint("only", i, j))
			}
		}
		list := func(q hub.ActivityQuery, do func()) (names []string) {
			for _, r := range measureActivity(t, h, q, do).Rooms {
				names = append(names, fmt.Sprint(r.Namespace, r.Name, ":", r.Sockets, ":", r.Deliveries))
			}
			return names
		}
		nothing := func() {}
		emit := func() {
			emitTimes(t, h.Of("/org-1").To("room1"), 9)
			emitTimes(t, h.Of("/org-0").To("only0 0"), 1)
		}
		for _, tt := range []struct {
			name string
			q    hub.ActivityQuery
			do   func()
			want []string
		}{
			{"by sockets", hub.ActivityQuery{Order: hub.BySockets, Limit: 2}, nothing, []string{"/org-0room4:5:0", "/org-1room3:4:0"}},
			{"by deliveries", hub.ActivityQuery{Limit: 3, For: time.Second}, emit, []string{"/org-1room1:2:18", "/org-0only0 0:1:1", "/org-0room4:5:0"}},
			{"of a namespace", hub.ActivityQuery{Namespaces: []string{"/*-1"}, Limit: 2, For: time.Second}, emit, []string{"/org-1room1:2:18", "/org-1room3:4:0"}},
			{"of none", hub.ActivityQuery{Namespaces: []string{}}, nothing, nil},
		} {
			if got := list(tt.q, tt.do); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
			}
		}
	})
}

func TestNothingIsCountedBetweenMeasurements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		defer h.Close()
		connectIdle(t, h, "/chat", "lobby")
		ctx, cancel := context.WithCancelCause(t.Context())
		failed := make(chan error, 20)
		for range 16 {
			go func() {
				_, err := h.MeasureActivity(ctx, hub.ActivityQuery{For: time.Minute})
				failed <- err
			}()
		}
		synctest.Wait()
		if _, err := h.MeasureActivity(t.Context(), hub.ActivityQuery{For: time.Second}); err != hub.ErrTooManyMeasurements {
			t.Errorf("got %v", err)
		}
		if _, err := h.MeasureActivity(t.Context(), hub.ActivityQuery{}); err != nil {
			t.Errorf("without a time: got %v", err)
		}
		if n := hub.CountWatches(h); n != 16 {
			t.Errorf("%d measurements count", n)
		}
		gone := errors.New("gone")
		cancel(gone)
		for range 16 {
			if err := <-failed; err != gone {
				t.Errorf("got %v", err)
			}
		}
		if n := hub.CountWatches(h); n != 0 {
			t.Errorf("%d measurements count after their end", n)
		}
	})
}

// TestEmitsAllocateNothingForActivity compares emits before and after a measurement.
func TestEmitsAllocateNothingForActivity(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		defer h.Close()
		chat := h.Of("/chat")
		emit := func() { emitTimes(t, chat.To("lobby"), 1) }
		before := testing.AllocsPerRun(100, emit)
		measureActivity(t, h, hub.ActivityQuery{For: time.Second}, emit)
		if after := testing.AllocsPerRun(100, emit); after != before {
			t.Errorf("an emit allocates %v times after a measurement, %v before", after, before)
		}
	})
}

// activityCluster is a pairedCluster that publishes to the other hub, too.
type activityCluster struct{ pairedCluster }

func (c *activityCluster) Open(namespace string, n cluster.Node) (cluster.Adapter, error) {
	adapter, err := c.pairedCluster.Open(namespace, n)
	return &activityAdapter{adapter.(*pairedAdapter)}, err
}

type activityAdapter struct{ *pairedAdapter }

func (a *activityAdapter) Publish(op cluster.Operation) error {
	a.own.other.nodes[a.namespace].Apply(op)
	return nil
}

func TestActivityOfNodesIsAddedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clusters [2]activityCluster
		var nodes [2]*hub.Hub
		for i := range clusters {
			clusters[i].nodes, clusters[i].other = map[string]cluster.Node{}, &clusters[1-i].pairedCluster
			nodes[i] = hub.New(hub.Options{Cluster: &clusters[i]})
			defer nodes[i].Close()
			nodes[i].Of("/chat")
		}
		connectIdle(t, nodes[0], "/chat", "lobby")
		connectIdle(t, nodes[1], "/chat", "lobby")
		connectIdle(t, nodes[1], "/chat", "lobby", "chess")
		emit := func() {
			emitTimes(t, nodes[0].Of("/chat").To("lobby"), 2) // on both nodes
			emitTimes(t, nodes[1].Of("/chat").To("chess").Local(), 3)
		}
		got := measureActivity(t, nodes[0], hub.ActivityQuery{For: 5 * time.Second}, emit)
		if got.Nodes != 2 || !got.Complete || got.Sockets != 3 || got.Deliveries != 9 || len(got.Queues) != 3 {
			t.Errorf("got %+v", got)
		}
		if want := []hub.RoomActivity{{"/chat", "lobby", 3, 6}, {"/chat", "chess", 1, 3}}; !reflect.DeepEqual(got.Rooms, want) {
			t.Errorf("got %+v, want %+v", got.Rooms, want)
		}
		got = measureActivity(t, nodes[0], hub.ActivityQuery{For: time.Second, Local: true}, emit)
		if got.Nodes != 1 || got.Sockets != 1 || got.Deliveries != 2 {
			t.Errorf("on this node: got %+v", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := nodes[0].MeasureActivity(ctx, hub.ActivityQuery{For: time.Minute}); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		if n := hub.CountWatches(nodes[1]); n != 0 {
			t.Errorf("%d measurements count on the other node after their end", n)
		}
		clusters[0].nodes["/"].Apply(cluster.ServerEmit{Data: sio.Array(sio.Quote("caddy-socketio:activity"), sio.Quote(`{"id":"lost","for":1000000000}`))})
		if n := hub.CountWatches(nodes[0]); n != 1 {
			t.Errorf("%d measurements count", n)
		}
		time.Sleep(17 * time.Second)
		if n := hub.CountWatches(nodes[0]); n != 0 {
			t.Errorf("%d measurements count for a node that is gone", n)
		}
	})
}

func TestActivityOfManyRoomsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		defer h.Close()
		chat := h.Of("/chat")
		const sockets, roomsEach = 101, 990 // 99,990 rooms, more than are counted
		nameRooms := func(socket int) (names []string) {
			for i := range roomsEach {
				names = append(names, fmt.Sprint("room-", socket, "-", i))
			}
			return names
		}
		for i := range sockets {
			connectIdle(t, h, "/chat", nameRooms(i)...)
		}
		got := measureActivity(t, h, hub.ActivityQuery{Limit: 1000, For: time.Second}, func() {
			for i := range sockets {
				emitTimes(t, chat.To("room-0-0"), 2)
				emitTimes(t, chat.To(nameRooms(i)...), 1)
			}
		})
		if first := (hub.RoomActivity{Namespace: "/chat", Name: "room-0-0", Sockets: 1, Deliveries: 2*sockets + 1}); len(got.Rooms) != 1000 || got.Rooms[0] != first {
			t.Errorf("got %d rooms, the first is %+v", len(got.Rooms), got.Rooms[0])
		}
		if got.Deliveries != 3*sockets {
			t.Errorf("got %d deliveries", got.Deliveries)
		}
	})
}
