package redisadapter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

func TestStreamsInRedisCluster(t *testing.T) {
	nodes := streamsSuite.TestManyNodes(t, redistest.StartCluster(t))
	other := redistest.OpenNode(t, streamsSuite.OtherHub(t, nodes[0].Cluster), "/") // whose stream is on another server, perhaps
	other.WaitNodes(1)
	if offset, err := recordEvent(t, other, "x"); offset == "" || err != nil {
		t.Errorf("%q, %v", offset, err)
	}
	r := nodes[0].Adapter.(*recorder)
	if err := r.Save(cluster.LostSocket{PID: "p", ID: "i", Rooms: []string{"i"}, Data: redistest.NewEvent("x"), Offset: beforeFirstEntry}, time.Minute); err != nil {
		t.Error(err)
	}
	if left, err := r.Restore(t.Context(), "p", ""); err != nil || left.ID != "i" {
		t.Errorf("%+v, %v", left, err)
	}
	if missed, err := r.Replay(t.Context(), cluster.LostSocket{Offset: beforeFirstEntry, Rooms: []string{"room"}}); err != nil || len(missed.Events) != 300 {
		t.Errorf("%d missed, %v", len(missed.Events), err)
	}
	if replies, err := nodes[0].Request(cluster.FetchSockets{}); err != nil || len(replies) != 5 {
		t.Errorf("%d replies, %v", len(replies), err)
	}
}

// TestStreamsFollowsMovedStream moves the stream to another server of a cluster, by the steps of
// redis-cli: each event arrives once.
func TestStreamsFollowsMovedStream(t *testing.T) {
	all := redistest.StartCluster(t)
	a, b := redistest.OpenNode(t, startStreamsNode(t, all[0]), "/"), redistest.OpenNode(t, startStreamsNode(t, all[1]), "/")
	a.WaitNodes(2)
	b.WaitNodes(2)
	a.Emit("0")
	b.NextEmit()
	var from, to *redistest.Server
	for _, s := range all {
		if s.Command("EXISTS", "socket.io") == ":1" {
			from = s
		} else {
			to = s
		}
	}
	slot := strings.TrimPrefix(from.Command("CLUSTER", "KEYSLOT", "socket.io"), ":")
	_, source := from.CommandText("CLUSTER", "MYID")
	_, id := to.CommandText("CLUSTER", "MYID")
	for i, reply := range []string{
		to.Command("CLUSTER", "SETSLOT", slot, "IMPORTING", source),
		from.Command("CLUSTER", "SETSLOT", slot, "MIGRATING", id),
		from.Command("MIGRATE", "127.0.0.1", fmt.Sprint(to.Port), "socket.io", "0", "5000"),
		to.Command("CLUSTER", "SETSLOT", slot, "NODE", id),
		from.Command("CLUSTER", "SETSLOT", slot, "NODE", id),
	} {
		if reply != "+OK" {
			t.Fatalf("%d: %s", i, reply)
		}
	}
	for i := 1; i <= 100; i++ {
		a.Emit(fmt.Sprint(i))
	}
	for i := 1; i <= 100; i++ {
		if got, _ := b.NextEmit().Data.Index(1); got.Text() != fmt.Sprint(i) {
			t.Fatalf("%s, not %d", got, i)
		}
	}
	if state := connectionOf(a).describeState(); !state.Connected || state.Dropped > 0 {
		t.Errorf("%+v", state)
	}
}
