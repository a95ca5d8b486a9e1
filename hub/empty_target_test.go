package hub_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// countingAdapter is an adapter that counts the requests to other nodes.
type countingAdapter struct {
	recorder
	mu       sync.Mutex
	requests []any
}

func (c *countingAdapter) Open(name string, n cluster.Node) (cluster.Adapter, error) {
	_, err := c.recorder.Open(name, n)
	return c, err
}

func (c *countingAdapter) countRequest(request any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, request)
}

func (c *countingAdapter) Publish(op cluster.Operation) error {
	c.countRequest(op)
	return nil
}

func (c *countingAdapter) Record(op cluster.Operation, scope cluster.Scope, wait time.Duration, deliver func(cluster.Emit)) error {
	if scope == cluster.AllNodes {
		c.countRequest(op)
	}
	return c.recorder.Record(op, scope, wait, deliver)
}

func (c *countingAdapter) Request(_ context.Context, q cluster.Request, _ func(cluster.Reply)) error {
	c.countRequest(q)
	return nil
}

var _ cluster.Recorder = (*countingAdapter)(nil)

// plainAdapter hides that an adapter is a recorder.
type plainAdapter struct{ cluster.Adapter }

type plainCluster struct{ *countingAdapter }

func (c plainCluster) Open(name string, n cluster.Node) (cluster.Adapter, error) {
	a, err := c.countingAdapter.Open(name, n)
	return plainAdapter{a}, err
}

// An operation on an empty list of rooms reaches no socket: on this node, on other nodes
// and after recovery.
func TestEmptyTargetReachesNoSocket(t *testing.T) {
	for name, c := range map[string]struct {
		cluster  func(*countingAdapter) cluster.Cluster
		recovery time.Duration
	}{
		"one node":                {func(*countingAdapter) cluster.Cluster { return nil }, 0},
		"one node, recovery":      {func(*countingAdapter) cluster.Cluster { return nil }, time.Minute},
		"an adapter":              {func(c *countingAdapter) cluster.Cluster { return plainCluster{c} }, 0},
		"an adapter that records": {func(c *countingAdapter) cluster.Cluster { return c }, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			others := &countingAdapter{recorder: recorder{lostSockets: map[string]cluster.LostSocket{}}}
			r := newRouteConfig("a", "/chat")
			r.Recovery = c.recovery
			s := newSite(t, hub.Config{
				Cluster: c.cluster(others), Routes: []hub.RouteConfig{r},
				Namespaces: []hub.NamespaceConfig{newAckingNamespace("/chat", "")},
			})
			client, id := joinNamespace(t, s.url+"/0/", "/chat", "")
			client.sendPacket(`42/chat,1["who"]`)
			client.wantPacket(`43/chat,1[""]`) // earlier emits of the socket wait, and so do their errors
			ns, _ := s.Namespace("/chat")
			socket, _ := ns.Socket(id)
			runAllOnEmptyTarget(t, ns, socket)
			if len(others.requests) > 0 {
				t.Errorf("sent to other nodes: %v", others.requests)
			}
			if _, err := ns.To().To(id).Emit("end"); err != nil {
				t.Error(err)
			}
			if got := client.readPacket(); got[:12] != `42/chat,["en` {
				t.Errorf("got %s", got)
			}
			if _, still := ns.Socket(id); !still || len(socket.Rooms()) != 1 {
				t.Errorf("rooms %v", socket.Rooms())
			}
		})
	}
}

// runAllOnEmptyTarget runs each operation with an empty target.
func runAllOnEmptyTarget(t *testing.T, ns *hub.Namespace, socket *hub.Socket) {
	t.Helper()
	var none []string
	for name, b := range map[string]hub.Broadcast{
		"To()":              ns.To(),
		"In(none...)":       ns.In(none...),
		"In of an empty":    ns.In([]string{}...),
		"Except, To()":      ns.Except("muted").To(),
		"Except()":          ns.To().Except(),
		"volatile":          ns.Volatile().To(),
		"To, In":            ns.To().In(),
		"a socket's":        socket.To(),
		"a socket's, all":   socket.In().IncludeSender(),
		"Timeout, no bound": ns.Timeout(time.Hour).To(),
	} {
		count := func(n int, err error) {
			t.Helper()
			if n != 0 || err != nil {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		count(b.Emit("e", 1))
		count(b.SocketsJoin("r"))
		count(b.SocketsLeave(socket.ID()))
		count(b.SocketsSet("key", 1))
		count(b.DisconnectSockets(true))
		acks, err := b.EmitWithAck(t.Context(), "e")
		count(len(acks), err)
		found, err := b.FetchSockets(t.Context())
		count(len(found), err)
		found, err = b.FetchPage(t.Context(), "", 10)
		count(len(found), err)
		if _, err := b.Emit("e", slices.Repeat([]any{[]byte{1}}, sio.MaxAttachments+1)...); err == nil {
			t.Errorf("%s: too many attachments are no error", name)
		}
	}
}

// Adapters of Node.js have no empty target: without rooms they mean all sockets.
func TestTargetOfOtherNodesWithoutRoomsIsEverySocket(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	client, _ := joinNamespace(t, url, "/", "")
	op := cluster.Emit{Target: rooms.Target{In: []string{}}}
	op.Data.JSON = []byte(`["all"]`)
	hub.NodeOf(ns).Apply(op)
	client.wantPacket(`42["all"]`)
}
