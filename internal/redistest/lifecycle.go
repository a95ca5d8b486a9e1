package redistest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// testHubsAndNamespacesAreSeparate checks that operations reach only the same namespace of the same hub.
func (e *Suite) testHubsAndNamespacesAreSeparate(t *testing.T) {
	s := Start(t)
	one, two := e.NewCluster(t, s, Setup{}), e.NewCluster(t, s, Setup{})
	other := e.OtherHub(t, two)
	a, b := OpenNode(t, one, "/"), OpenNode(t, two, "/")
	chat, hub := OpenNode(t, two, "/chat"), OpenNode(t, other, "/")
	a.WaitNodes(2)
	hub.WaitNodes(1)
	chat.WaitNodes(1)
	a.Emit("x")
	b.NextOperation()
	hub.Emit("y")
	chat.Emit("z")
	a.Emit("end")
	if got := b.NextEmit(); got.Data.String() != `["e","end"]` {
		t.Errorf("applied %s", got.Data)
	}
	if len(chat.Applied) > 0 || len(hub.Applied) > 0 || len(a.Applied) > 0 {
		t.Error("an operation reaches another namespace")
	}
}

// testReopenNamespace opens a namespace again before its first adapter closes.
func (e *Suite) testReopenNamespace(t *testing.T) {
	s := Start(t)
	two := e.NewCluster(t, s, Setup{})
	a, b := OpenNode(t, e.NewCluster(t, s, Setup{}), "/"), OpenNode(t, two, "/")
	a.WaitNodes(2)
	again := OpenNode(t, two, "/") // as when a namespace is removed and added again
	if err := b.Adapter.Close(); err != nil {
		t.Error(err)
	}
	a.Emit("x")
	again.NextOperation()
	if len(b.Applied) > 0 {
		t.Error("a closed adapter applies an operation")
	}
	a.WaitNodes(2)
	again.Adapter.Close()
	again.Adapter.Close()
	a.WaitNodes(1)
	if err := again.Adapter.Publish(cluster.Emit{Data: NewEvent("e")}); err == nil {
		t.Error("a closed adapter publishes")
	}
	if _, err := again.Request(cluster.AllRooms{}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Errorf("a closed adapter requests: %v", err)
	}
	for _, namespace := range []string{"/1", "/2", "/3"} {
		OpenNode(t, two, namespace).WaitNodes(1)
	}
}

// testCloseWithinApply closes an adapter on the goroutine that calls Apply, as a hub does
// when the last socket of a namespace disconnects.
func (e *Suite) testCloseWithinApply(t *testing.T) {
	s := Start(t)
	a, c := OpenNode(t, e.NewCluster(t, s, Setup{}), "/"), e.NewCluster(t, s, Setup{})
	n := &closingNode{done: make(chan struct{})}
	n.adapter, _ = c.Open("/", n)
	a.WaitNodes(2)
	a.Emit("x")
	<-n.done
	a.WaitNodes(1)
}

// closingNode is a node that closes its adapter in Apply.
type closingNode struct {
	adapter cluster.Adapter
	done    chan struct{}
}

// Apply implements cluster.Node.
func (c *closingNode) Apply(cluster.Operation) {
	c.adapter.Close()
	close(c.done)
}

// Reply implements cluster.Node.
func (c *closingNode) Reply(context.Context, cluster.Request, func(cluster.Reply)) {}

// testPanickingNode panics in Apply and Reply. The node still gets the later operations,
// and requests to it end.
func (e *Suite) testPanickingNode(t *testing.T) {
	s := Start(t)
	a, c := OpenNode(t, e.NewCluster(t, s, Setup{}), "/"), e.NewCluster(t, s, Setup{})
	n := &panickingNode{applied: make(chan cluster.Operation, 10)}
	n.adapter, _ = c.Open("/", n)
	a.WaitNodes(2)
	a.Emit("x")
	e.WaitSubscribed(t, n.adapter)
	a.Publish(cluster.Join{Rooms: []string{"r"}})
	if _, ok := (<-n.applied).(cluster.Join); !ok {
		t.Error("applied another operation")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := a.Adapter.Request(ctx, cluster.AllRooms{}, func(cluster.Reply) {}); !errors.Is(err, cluster.ErrIncomplete) {
		t.Error(err)
	}
	a.Publish(cluster.Join{Rooms: []string{"r"}})
	<-n.applied
}

// panickingNode is a node that panics.
type panickingNode struct {
	adapter cluster.Adapter
	applied chan cluster.Operation
}

// Apply implements cluster.Node.
func (p *panickingNode) Apply(op cluster.Operation) {
	if _, ok := op.(cluster.Emit); ok {
		panic("boom")
	}
	p.applied <- op
}

// Reply implements cluster.Node.
func (p *panickingNode) Reply(context.Context, cluster.Request, func(cluster.Reply)) { panic("boom") }
