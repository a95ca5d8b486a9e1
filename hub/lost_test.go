package hub_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/recordertest"
)

// waitingGate is a gate that reports each recovered socket on reached, then waits for open.
type waitingGate struct{ reached, open chan struct{} }

func (waitingGate) Gate() {}

func (d waitingGate) HandleEvent(ctx context.Context, ev *hub.Event) error {
	if ev.Socket.Status().Recovered {
		d.reached <- struct{}{}
		<-d.open
	}
	return nil
}

// runWithBothLogs runs a test with the recovery log in memory, and with the shared log of a
// recorder. The namespace has a waitingGate.
func runWithBothLogs(t *testing.T, test func(t *testing.T, s *site, ns *hub.Namespace, d waitingGate)) {
	for name, c := range map[string]cluster.Cluster{"memory": nil, "shared": &recorder{lostSockets: make(map[string]cluster.LostSocket)}} {
		t.Run(name, func(t *testing.T) {
			r := newRouteConfig("a", "/chat")
			r.Recovery = time.Minute
			d := waitingGate{make(chan struct{}), make(chan struct{})}
			s := newSite(t, hub.Config{Cluster: c, Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{
				Name: "/chat", Rules: []hub.Rule{{Events: []string{"connect"}, Handlers: []hub.Handler{d}}},
			}}})
			ns, _ := s.Namespace("/chat")
			handleSync(ns)
			test(t, s, ns, d)
		})
	}
}

// TestRecoveryOverRecorders runs the cases over the recovery log in memory and over a
// Recorder with a shared log.
func TestRecoveryOverRecorders(t *testing.T) {
	t.Run("memory", func(t *testing.T) { recordertest.Run(t, func(*testing.T) cluster.Cluster { return nil }) })
	t.Run("shared", func(t *testing.T) {
		recordertest.Run(t, func(*testing.T) cluster.Cluster {
			return &recorder{lostSockets: make(map[string]cluster.LostSocket)}
		})
	})
}

// loseSocket connects a socket, joins rooms and closes the connection. It returns the
// lost socket.
func loseSocket(t *testing.T, s *site, ns *hub.Namespace, rooms ...string) (*hub.Socket, identity) {
	t.Helper()
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	c.syncEvents("/chat")
	socket, _ := ns.Socket(is.SID)
	if err := socket.Join(rooms...); err != nil {
		t.Fatal(err)
	}
	c.conn.Close()
	receiveWithin(t, socket.Done())
	return socket, is
}

// reconnectAs opens a connection and sends a connect packet with the pid of a socket.
func reconnectAs(t *testing.T, s *site, is identity) *client {
	t.Helper()
	c := dialClient(t, s.url+"/0/", "4")
	c.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
	return c
}

// readEvents reads the missed events until the client is connected. It returns their
// names, and the socket.
func (c *client) readEvents() (names []string, is identity) {
	c.t.Helper()
	for {
		packet := c.readPacket()
		if answer, ok := strings.CutPrefix(packet, "40/chat,"); ok {
			c.parseJSON(answer, &is)
			return names, is
		}
		names = append(names, strings.Split(packet, `"`)[1])
	}
}

// A reload removes a namespace with a lost socket, and the next reload adds the namespace:
// the socket is not recovered.
func TestRemovedNamespaceRemovesLostSockets(t *testing.T) {
	r := newRouteConfig("a", "/chat")
	r.Recovery = time.Minute
	with := hub.Config{Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{Name: "/chat"}}}
	s := newSite(t, with)
	ns, _ := s.Namespace("/chat")
	handleSync(ns)
	_, is := loseSocket(t, s, ns)
	without := hub.Config{Routes: []hub.RouteConfig{newRouteConfig("a")}}
	without.Routes[0].Recovery = time.Minute
	other, _ := joinNamespace(t, s.url+"/0/", "/chat", "{}")
	other.syncEvents("/chat")
	s.reloadConfig(without)
	other.wantPacket("41/chat,")
	s.reloadConfig(with)
	if _, now := reconnectAs(t, s, is).readEvents(); now.PID == is.PID {
		t.Error("recovered")
	}
}
