// Package recordertest tests connection state recovery of a hub over a cluster.Recorder,
// by clients that lose their connections and reconnect. The same cases run over the
// recovery log in memory and over the one in a Redis stream.
package recordertest

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// Run runs all cases, each on a hub in a cluster of its own.
func Run(t *testing.T, newCluster func(t *testing.T) cluster.Cluster) {
	cases := []struct {
		name string
		run  func(*testing.T, *server)
	}{
		{"LostSocketFollowsOperations", lostSocketFollowsOperations},
		{"LostSocketGetsData", lostSocketGetsData},
		{"ReplayFollowsOperations", replayFollowsOperations},
		{"OperationsApplyWhileRestoring", operationsApplyWhileRestoring},
		{"LateHandlersUpdateLostSocket", lateHandlersUpdateLostSocket},
		{"StaleSocketIsClosed", staleSocketIsClosed},
		{"ReplayBeginsAtOffset", replayBeginsAtOffset},
		{"ReplayIsRepeated", replayIsRepeated},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, startServer(t, newCluster(t))) })
	}
}

// server serves a hub with the namespace /chat, whose gate may wait.
type server struct {
	*hub.Namespace
	url  string
	gate gate
}

// gate is a [hub.Gate] that reports each recovered socket, and waits for open.
type gate struct{ reached, open chan struct{} }

func (gate) Gate() {}

func (g gate) HandleEvent(ctx context.Context, ev *hub.Event) error {
	if ev.Socket.Status().Recovered {
		for _, ch := range []chan struct{}{g.reached, g.open} {
			select {
			case <-ch:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func startServer(t *testing.T, c cluster.Cluster) *server {
	route := hub.DefaultRoute()
	route.Recovery = time.Minute
	h := hub.New(hub.Options{Cluster: c, Route: &route})
	s := &server{Namespace: h.Of("/chat"), gate: gate{make(chan struct{}), make(chan struct{})}}
	s.On("connect", s.gate)
	s.On("sync", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error { return ev.Ack() }))
	web := httptest.NewServer(h)
	s.url = "ws" + strings.TrimPrefix(web.URL, "http") + "/socket.io/"
	t.Cleanup(func() {
		h.Close()
		web.Close()
	})
	for deadline := time.Now().Add(timeout); ; { // until the cluster is connected
		if _, err := s.All().FetchSockets(t.Context()); err == nil {
			return s
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// openGate lets all sockets pass.
func (s *server) openGate() {
	close(s.gate.reached)
	close(s.gate.open)
}

// awaitGate waits until a socket reaches the gate.
func (s *server) awaitGate(t *testing.T) {
	t.Helper()
	select {
	case s.gate.reached <- struct{}{}:
	case <-time.After(timeout):
		t.Fatal("no socket reached the gate")
	}
}

// loseSocket returns a socket in rooms whose connection is lost.
func (s *server) loseSocket(t *testing.T, rooms ...string) (*hub.Socket, identity) {
	t.Helper()
	// When this event has an offset, the node has read all operations that it published:
	// none of them counts as one on the socket.
	_, _ = s.To("nowhere").Emit("before")
	c := dialClient(t, s)
	_, is := c.connectSocket("{}")
	c.syncEvents()
	socket, _ := s.Socket(is.SID)
	if err := socket.Join(rooms...); err != nil {
		t.Fatal(err)
	}
	c.conn.Close()
	receiveWithin(t, socket.Done())
	return socket, is
}
