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

// doorman is a Gate that waits for leave to let somebody in, if there is a channel.
type doorman struct{ asked, open chan struct{} }

func (doorman) Gate() {}

func (d doorman) HandleEvent(ctx context.Context, ev *hub.Event) error {
	if ev.Socket.Status().Recovered {
		d.asked <- struct{}{}
		<-d.open
	}
	return nil
}

// bothRecoveries runs a test with sockets kept in memory and by a cluster. The
// namespace has a doorman.
func bothRecoveries(t *testing.T, test func(t *testing.T, s *site, ns *hub.Namespace, d doorman)) {
	for name, c := range map[string]cluster.Cluster{"memory": nil, "shared": &recorder{sessions: make(map[string]cluster.LostSocket)}} {
		t.Run(name, func(t *testing.T) {
			r := newRouteConfig("a", "/chat")
			r.Recovery = time.Minute
			d := doorman{make(chan struct{}), make(chan struct{})}
			s := newSite(t, hub.Config{Cluster: c, Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{
				Name: "/chat", Rules: []hub.Rule{{Events: []string{"connect"}, Handlers: []hub.Handler{d}}},
			}}})
			ns, _ := s.Namespace("/chat")
			answerSync(ns)
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
			return &recorder{sessions: make(map[string]cluster.LostSocket)}
		})
	})
}

// lose returns a socket in rooms whose connection is lost.
func lose(t *testing.T, s *site, ns *hub.Namespace, rooms ...string) (*hub.Socket, identity) {
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

// returnAs has a client come back to a socket.
func returnAs(t *testing.T, s *site, is identity) *client {
	t.Helper()
	c := dialClient(t, s.url+"/0/", "4")
	c.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
	return c
}

// events reads the events that a client missed, until it is connected. It returns
// their names, and who the client is.
func (c *client) events() (names []string, is identity) {
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

// TestRemovedNamespace has a reload remove a namespace with a lost socket, and another
// bring it back.
func TestRemovedNamespace(t *testing.T) {
	r := newRouteConfig("a", "/chat")
	r.Recovery = time.Minute
	with := hub.Config{Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{Name: "/chat"}}}
	s := newSite(t, with)
	ns, _ := s.Namespace("/chat")
	answerSync(ns)
	_, is := lose(t, s, ns)
	without := hub.Config{Routes: []hub.RouteConfig{newRouteConfig("a")}}
	without.Routes[0].Recovery = time.Minute
	other, _ := joinNamespace(t, s.url+"/0/", "/chat", "{}")
	other.syncEvents("/chat")
	s.reloadConfig(without)
	other.wantPacket("41/chat,")
	s.reloadConfig(with)
	if _, now := returnAs(t, s, is).events(); now.PID == is.PID {
		t.Error("recovered")
	}
}
