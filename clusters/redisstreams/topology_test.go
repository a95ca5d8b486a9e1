package redisstreams

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"go.uber.org/zap"
)

// startCluster starts a Redis Cluster of three masters.
func startCluster(t *testing.T) []*server {
	t.Helper()
	var all []*server
	for range 3 {
		// The bus of a server is at its port and 10000 more.
		s := startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", fmt.Sprint(freePort(t)))
		all = append(all, s)
	}
	for i, s := range all {
		s.command("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*16384/3), fmt.Sprint((i+1)*16384/3-1))
		s.command("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
	}
	for _, s := range all[1:] {
		all[0].command("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(s.port), s.args[len(s.args)-1])
	}
	for _, s := range all {
		eventually(t, "the cluster is whole", func() bool {
			return s.command("SPUBLISH", "x", "y") != "" && s.info("cluster_state") == "ok" && s.info("cluster_known_nodes") == "3"
		})
	}
	return all
}

func TestRedisCluster(t *testing.T) {
	all := startCluster(t)
	addresses := func(r *RedisStreams) { r.Addresses = []string{all[1].address(), all[2].address()} }
	var nodes []*node
	for range 6 { // each at a server that chance says
		nodes = append(nodes, join(t, process(t, all[0], addresses), "/"))
	}
	for _, n := range nodes {
		n.together(6)
	}
	for i := range 300 {
		nodes[0].emit(fmt.Sprint(i), "room")
	}
	for _, n := range nodes[1:] {
		for i := range 300 {
			if got, _ := n.nextEmit().Data.Index(1); got.Text() != fmt.Sprint(i) {
				t.Fatalf("%d: %s", i, got)
			}
		}
	}
	same := linkOf(nodes[0]).settings
	other := join(t, func() cluster.Cluster { // whose stream is on another server, perhaps
		l := newLink(same, "other", zap.NewNop())
		t.Cleanup(l.close)
		return l
	}(), "/")
	other.together(1)
	if offset, err := other.record("x"); offset == "" || err != nil {
		t.Errorf("%q, %v", offset, err)
	}
	r := nodes[0].adapter.(*adapter)
	if err := r.Save(cluster.Session{PID: "p", ID: "i", Rooms: []string{"i"}, Data: event("x"), Offset: beforeAll}, time.Minute); err != nil {
		t.Error(err)
	}
	if left, err := r.Restore(t.Context(), "p", ""); err != nil || left.ID != "i" {
		t.Errorf("%+v, %v", left, err)
	}
	if missed, err := r.Missed(t.Context(), beforeAll, []string{"room"}); err != nil || len(missed) != 300 {
		t.Errorf("%d missed, %v", len(missed), err)
	}
	if answers, err := nodes[0].ask(cluster.FetchSockets{}); err != nil || len(answers) != 5 {
		t.Errorf("%d answers, %v", len(answers), err)
	}
}

// TestStreamMoves has the stream go to another server of a cluster, by the steps that
// redis-cli takes: nothing is lost, and nothing heard twice.
func TestStreamMoves(t *testing.T) {
	all := startCluster(t)
	a, b := join(t, process(t, all[0]), "/"), join(t, process(t, all[1]), "/")
	a.together(2)
	b.together(2)
	a.emit("0")
	b.nextEmit()
	var from, to *server
	for _, s := range all {
		if s.command("EXISTS", "socket.io") == ":1" {
			from = s
		} else {
			to = s
		}
	}
	slot := strings.TrimPrefix(from.command("CLUSTER", "KEYSLOT", "socket.io"), ":")
	_, source := from.exchange("CLUSTER", "MYID")
	_, id := to.exchange("CLUSTER", "MYID")
	for i, answer := range []string{
		to.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source),
		from.command("CLUSTER", "SETSLOT", slot, "MIGRATING", id),
		from.command("MIGRATE", "127.0.0.1", fmt.Sprint(to.port), "socket.io", "0", "5000"),
		to.command("CLUSTER", "SETSLOT", slot, "NODE", id),
		from.command("CLUSTER", "SETSLOT", slot, "NODE", id),
	} {
		if answer != "+OK" {
			t.Fatalf("%d: %s", i, answer)
		}
	}
	for i := 1; i <= 100; i++ {
		a.emit(fmt.Sprint(i))
	}
	for i := 1; i <= 100; i++ {
		if got, _ := b.nextEmit().Data.Index(1); got.Text() != fmt.Sprint(i) {
			t.Fatalf("%s, not %d", got, i)
		}
	}
	if state := linkOf(a).State(); !state.Connected || state.Dropped > 0 {
		t.Errorf("%+v", state)
	}
}
