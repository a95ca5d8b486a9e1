package redistest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Node is a fake hub. It keeps the operations it applies, and the test chooses its replies.
type Node struct {
	// Cluster is the cluster in which the node was opened.
	Cluster cluster.Cluster
	// Adapter was opened for this node.
	Adapter cluster.Adapter
	// Applied receives the operations of other nodes.
	Applied chan cluster.Operation
	// OnRequest replies to the requests of other nodes.
	OnRequest func(ctx context.Context, q cluster.Request, reply func(cluster.Reply))

	t testing.TB

	mu         sync.Mutex // guards the following
	applying   bool
	overlapped bool
}

// NewNode returns a node without replies and without an adapter.
func NewNode(t testing.TB) *Node {
	return &Node{t: t, Applied: make(chan cluster.Operation, 2000), OnRequest: func(context.Context, cluster.Request, func(cluster.Reply)) {}}
}

// OpenNode opens a namespace with a new node. It closes the adapter at the end of the test,
// and fails the test if two calls of Apply overlapped.
func OpenNode(t testing.TB, c cluster.Cluster, namespace string) *Node {
	t.Helper()
	n := NewNode(t)
	n.Cluster = c
	var err error
	if n.Adapter, err = c.Open(namespace, n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Adapter.Close()
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.overlapped {
			t.Error("two calls of Apply at the same time")
		}
	})
	return n
}

// Apply implements cluster.Node.
func (n *Node) Apply(op cluster.Operation) {
	n.mu.Lock()
	n.overlapped = n.overlapped || n.applying
	n.applying = true
	n.mu.Unlock()
	n.Applied <- op
	n.mu.Lock()
	n.applying = false
	n.mu.Unlock()
}

// Reply implements cluster.Node.
func (n *Node) Reply(ctx context.Context, q cluster.Request, reply func(cluster.Reply)) {
	n.OnRequest(ctx, q, reply)
}

// NextOperation returns the next operation that the node applies.
func (n *Node) NextOperation() cluster.Operation {
	n.t.Helper()
	select {
	case op := <-n.Applied:
		return op
	case <-time.After(Timeout):
		n.t.Fatal("no operation arrives at the node")
		return nil
	}
}

// NextEmit returns the next operation that the node applies, which must be an Emit.
func (n *Node) NextEmit() cluster.Emit {
	n.t.Helper()
	op := n.NextOperation()
	emit, ok := op.(cluster.Emit)
	if !ok {
		n.t.Fatalf("expected an Emit, not %+v", op)
	}
	return emit
}

// Publish publishes an operation.
func (n *Node) Publish(op cluster.Operation) {
	n.t.Helper()
	if err := n.Adapter.Publish(op); err != nil {
		n.t.Fatal(err)
	}
}

// Emit emits the event e with text as its only argument.
func (n *Node) Emit(text string, in ...string) {
	n.t.Helper()
	op := cluster.Emit{Data: NewEvent("e", text)}
	op.In = in
	n.Publish(op)
}

// WaitNodes waits until the adapter counts that many nodes.
func (n *Node) WaitNodes(count int) {
	n.t.Helper()
	Eventually(n.t, fmt.Sprintf("%d nodes are there", count), func() bool {
		got, err := n.Adapter.Nodes(n.t.Context())
		return err == nil && got == count
	})
}

// Request sends a request to the other nodes, and returns their replies.
func (n *Node) Request(q cluster.Request) (replies []cluster.Reply, err error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), Timeout)
	defer cancel()
	err = n.Adapter.Request(ctx, q, func(a cluster.Reply) { replies = append(replies, a) })
	return replies, err
}

// NewEvent returns the data of an event.
func NewEvent(name string, args ...any) sio.Data {
	data, err := sio.Marshal(append([]any{name}, args...))
	if err != nil {
		panic(err)
	}
	return data
}

// EqualOperations compares operations. Nil and empty lists of rooms are equal.
func EqualOperations(a, b cluster.Operation) bool {
	return strings.ReplaceAll(fmt.Sprintf("%+v", a), "[]", "") == strings.ReplaceAll(fmt.Sprintf("%+v", b), "[]", "")
}
