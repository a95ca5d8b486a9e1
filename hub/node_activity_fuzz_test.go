package hub

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// FuzzNodeActivity checks that a reply of another node adds to a measurement only within the
// limits, and that the sum can be written as JSON with all lists.
func FuzzNodeActivity(f *testing.F) {
	f.Add([]byte(`{"_activity":{"sockets":2,"deliveries":3,"namespaces":[{"name":"/","sockets":2}],"rooms":[{"namespace":"/","name":"a"}],"queues":[{"socket":"b","bytes":1}]}}`))
	f.Add([]byte(`{"_activity":{"sockets":-1,"deliveries":18446744073709551615,"namespaces":null,"rooms":[{},{}],"queues":[{"bytes":-1}]}}`))
	f.Add([]byte(`{"_activity":{"sockets":1e30}}`))
	f.Add([]byte(`{"_activity":null}`))
	f.Add([]byte(`[1`))
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := newActivitySum(&Activity{Time: time.Now(), Seconds: 1})
		for _, id := range []string{"measured", "other"} {
			if a := readNodeActivity(cluster.Socket{ID: id, Data: data}, "measured"); a != nil {
				sum.addActivity(a)
			}
		}
		if len(sum.Queues) > MaxActivityLimit || sum.Nodes > 1 || sum.Sockets < 0 {
			t.Fatalf("%d nodes have %d sockets and %d queues", sum.Nodes, sum.Sockets, len(sum.Queues))
		}
		const limit = 2
		a := sum.build(BySockets, limit)
		if a.Namespaces == nil || a.Rooms == nil || a.Queues == nil || max(len(a.Namespaces), len(a.Rooms), len(a.Queues)) > limit {
			t.Errorf("got %+v", a)
		}
		if _, err := json.Marshal(a); err != nil {
			t.Error(err)
		}
	})
}

// FuzzActivityRequest checks that a request of another node counts deliveries only for a
// bounded time, and gets a bounded reply.
func FuzzActivityRequest(f *testing.F) {
	f.Add([]byte(`{"id":"a","namespaces":["/"],"order":"sockets","limit":1,"for":1000}`))
	f.Add([]byte(`{"id":"a","for":9223372036854775807,"limit":-1}`))
	f.Add([]byte(`{"id":"a","for":-1,"limit":9223372036854775807,"order":1}`))
	f.Add([]byte(`{`))
	h := New(Options{})
	f.Cleanup(h.Close)
	ns := h.Of("/")
	f.Fuzz(func(t *testing.T, payload []byte) {
		h.receiveActivityRequest(payload)
		q, ok := requestedActivity(rooms.Target{In: []string{string(payload)}, Except: []string{activityMark}})
		if !ok || q.Limit < 1 || q.Limit > MaxActivityLimit {
			t.Fatalf("read as %+v, %v", q, ok)
		}
		replies := 0
		h.replyActivity(q, func(reply cluster.Reply) {
			replies++
			for _, s := range reply.(cluster.Sockets) {
				if a := readNodeActivity(s, q.ID); a == nil || a.Sockets != ns.Len() {
					t.Errorf("replied with %s", s.Data)
				}
			}
		})
		if replies != 1 {
			t.Errorf("%d replies", replies)
		}
		h.watches.closeRequested(q.ID)
		if h.watches.running.Load() != nil {
			t.Errorf("deliveries are still counted after %s", payload)
		}
	})
}
