package redistest

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// testStartWithoutRedis opens a namespace before the Redis runs: the first operations wait for it.
func (e *Suite) testStartWithoutRedis(t *testing.T) {
	s := Start(t)
	s.Stop()
	c := e.NewCluster(t, s, Setup{})
	state := c.State()
	state.PublishTimes, state.ApplyTimes = nil, nil // they have no Redis to measure yet
	if state != (cluster.State{Adapter: e.Name}) {
		t.Errorf("%+v", state)
	}
	a := OpenNode(t, c, "/")
	if _, err := a.Request(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Error(err)
	}
	a.Emit("kept for a moment")
	s.Start()
	a.WaitNodes(1)
	if state := c.State(); !state.Connected || state.Dropped != 0 {
		t.Errorf("%+v", state)
	}
}

// testSilentRedis uses a Redis that accepts connections and never replies. Only the link
// waits for it, and the adapter closes nevertheless.
func (e *Suite) testSilentRedis(t *testing.T) {
	a := OpenNode(t, e.NewCluster(t, StartSilent(t), Setup{}), "/")
	a.Emit("x")
	if err := a.Adapter.Close(); err != nil {
		t.Error(err)
	}
}

// StartSilent returns a Redis that accepts connections and never replies.
func StartSilent(t testing.TB) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &Server{t: t, Port: l.Addr().(*net.TCPAddr).Port}
}

// AssertNothingBlocks checks that emits, requests and counts return while the Redis is down.
func (n *Node) AssertNothingBlocks(text string) {
	n.t.Helper()
	for i := range 100 {
		n.Emit(fmt.Sprint(text, " ", i))
	}
	if _, err := n.Request(cluster.FetchSockets{}); !errors.Is(err, cluster.ErrIncomplete) {
		n.t.Errorf("request: %v", err)
	}
	if _, err := n.Adapter.Nodes(n.t.Context()); !errors.Is(err, cluster.ErrIncomplete) {
		n.t.Errorf("count of nodes: %v", err)
	}
}

// ReceiveAscending receives emits whose only argument is a number, up to count-1. Each
// number must be larger than the one before. It returns how many emits there were.
func (n *Node) ReceiveAscending(count int) (got int) {
	n.t.Helper()
	for last := -1; last < count-1; got++ {
		arg, _ := n.NextEmit().Data.Index(1)
		i, err := strconv.Atoi(arg.Text())
		if err != nil || i <= last {
			n.t.Fatalf("%d after %d: %v", i, last, err)
		}
		last = i
	}
	return got
}

// TestManyNodes connects six nodes to random servers of a Redis Cluster. Each receives all
// events that one of them emits to a room, in order.
func (e *Suite) TestManyNodes(t *testing.T, all []*Server) (nodes []*Node) {
	t.Helper()
	for range 6 {
		nodes = append(nodes, OpenNode(t, e.NewCluster(t, all[0], Setup{Addresses: []string{all[1].Address(), all[2].Address()}}), "/"))
	}
	for _, n := range nodes {
		n.WaitNodes(6)
	}
	for i := range 300 {
		nodes[0].Emit(fmt.Sprint(i), "room")
	}
	for _, n := range nodes[1:] {
		for i := range 300 {
			if got, _ := n.NextEmit().Data.Index(1); got.Text() != fmt.Sprint(i) {
				t.Fatalf("%d: %s", i, got)
			}
		}
	}
	return nodes
}

// waitDisconnected waits until the links of nodes are down.
func waitDisconnected(t testing.TB, nodes ...*Node) {
	t.Helper()
	for _, n := range nodes {
		Eventually(t, "the link is down", func() bool { return !n.Cluster.State().Connected })
	}
}

// TestNodeReturnsLate has a node subscribe some time after an outage. It receives every
// event that is not counted as dropped.
func (e *Suite) TestNodeReturnsLate(t *testing.T) {
	s := Start(t)
	p := StartProxy(t, s)
	a, b := OpenNode(t, e.NewCluster(t, s, Setup{GatherTime: Timeout}), "/"), OpenNode(t, e.NewCluster(t, p.Server, Setup{}), "/")
	a.WaitNodes(2)
	b.WaitNodes(2)
	s.Stop()
	waitDisconnected(t, a, b)
	p.RefuseConns(true)
	const n = 200
	for i := range n {
		if i%2 == 0 {
			a.Emit("late", "room")
		} else {
			a.Publish(cluster.ServerEmit{Data: NewEvent("late")})
		}
	}
	s.Start()
	Eventually(t, "one is back", func() bool { return a.Cluster.State().Connected })
	p.RefuseConns(false)
	b.WaitNodes(2)
	e.WaitPublished(a.Adapter)
	dropped := int(a.Cluster.State().Dropped)
	for range n - dropped {
		b.NextOperation()
	}
}

// testNodeStaysAway has a node that does not return after an outage. The other nodes
// continue without it.
func (e *Suite) testNodeStaysAway(t *testing.T) {
	s := Start(t)
	p := StartProxy(t, s)
	a, b := e.OpenPair(t, s, "/")
	gone := OpenNode(t, e.NewCluster(t, p.Server, Setup{}), "/")
	a.WaitNodes(3)
	s.Stop()
	waitDisconnected(t, a, b, gone)
	p.RefuseConns(true)
	s.Start()
	a.WaitNodes(2)
	b.WaitNodes(2)
	Eventually(t, "the other node applies an operation", func() bool {
		a.Publish(cluster.ServerEmit{Data: NewEvent("again")})
		return len(b.Applied) > 0
	})
}

// TestFrozenRedis stops a Redis with its connections open, and continues it. Requests fail
// meanwhile, and every event arrives afterwards.
func (e *Suite) TestFrozenRedis(t *testing.T) {
	s := Start(t)
	a, b := OpenNode(t, e.NewCluster(t, s, Setup{RequestsTimeout: time.Hour}), "/"), OpenNode(t, e.NewCluster(t, s, Setup{}), "/")
	a.WaitNodes(2)
	b.WaitNodes(2)
	s.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { s.Signal(syscall.SIGCONT) }) // before it is killed
	if err := a.Adapter.Request(t.Context(), cluster.FetchSockets{}, func(cluster.Reply) {}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("request: %v", err)
	}
	if state := a.Cluster.State(); state.Connected || !strings.Contains(state.Error, s.Address()+" does not respond") {
		t.Errorf("%+v", state)
	}
	a.AssertNothingBlocks("frozen")
	s.Signal(syscall.SIGCONT)
	for i := range 100 {
		if got, want := b.NextEmit().Data.String(), fmt.Sprintf(`["e","frozen %d"]`, i); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	Eventually(t, "the link is well", func() bool { return a.Cluster.State().Connected })
	if state := a.Cluster.State(); state.Dropped > 0 || state.Error != "" {
		t.Errorf("%+v", state)
	}
	a.WaitNodes(2)
}
