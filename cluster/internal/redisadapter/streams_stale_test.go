package redisadapter

import (
	"context"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// TestCloseStaleFindsSocket has a node close a socket that another node has not saved yet.
func TestCloseStaleFindsSocket(t *testing.T) {
	s := redistest.Start(t)
	requesting := startStreamsNode(t, s)
	requesting.(hubCluster).conn.dialect.(*streams).staleTime = redistest.Timeout
	a, b := redistest.OpenNode(t, requesting, "/"), redistest.OpenNode(t, startStreamsNode(t, s), "/")
	c := redistest.OpenNode(t, startStreamsNode(t, s), "/")
	a.WaitNodes(3)
	left := cluster.LostSocket{PID: "secret", ID: "id", Rooms: []string{"id"}, Data: sio.Data{JSON: []byte(`{}`)}, Offset: beforeFirstEntry}
	reply := func(n *redistest.Node, has bool) {
		n.OnRequest = func(_ context.Context, q cluster.Request, reply func(cluster.Reply)) {
			has := has && q == cluster.CloseStale{PID: "secret", Identity: "ada"}
			if has {
				if err := n.Adapter.(*recorder).Save(left, time.Minute); err != nil {
					t.Error(err)
				}
			}
			reply(cluster.StaleClosed(has))
		}
	}
	reply(b, true)
	reply(c, false)
	node := a.Adapter.(*recorder)
	if node.CloseStale(t.Context(), "other", "ada") || node.CloseStale(t.Context(), "secret", "eve") {
		t.Error("another socket is found")
	}
	for range 20 {
		if _, err := node.Restore(t.Context(), "secret", ""); err == nil {
			t.Fatal("a session is there before it was saved")
		}
		if !node.CloseStale(t.Context(), "secret", "ada") {
			t.Fatal("the socket is not found")
		}
		if got, err := node.Restore(t.Context(), "secret", ""); err != nil || got.ID != "id" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}
