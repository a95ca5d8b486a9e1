package hub_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// namer identifies clients by the member user of their auth. Clients without it have no
// identity, and a user named "bad" gets a connect error.
type namer struct{}

func (namer) Identify(_ context.Context, ev *hub.Event) error {
	user, ok := ev.Socket.Handshake().Auth.Lookup("user")
	switch {
	case user.Text() == "bad":
		return &hub.ClientError{Message: "bad"}
	case user.Text() == "away":
		return &hub.Outage{Err: errors.New("away")}
	case ok:
		ev.AddIdentity(hub.Identity{Source: "namer", Subject: user.Text()})
	}
	return nil
}

func (n namer) HandleEvent(ctx context.Context, ev *hub.Event) error { return n.Identify(ctx, ev) }

// formatAuth returns the auth of a client that recovers a socket. An empty user is left
// out.
func formatAuth(user, pid string) string {
	if user == "" {
		return fmt.Sprintf(`{"pid":%q}`, pid)
	}
	return fmt.Sprintf(`{"pid":%q,"user":%q}`, pid, user)
}

// runWithIdentities runs a test with the namespace /chat, whose clients a namer identifies,
// for a hub with its own recovery log and for one with a recorder.
func runWithIdentities(t *testing.T, test func(t *testing.T, s *site, ns *hub.Namespace)) {
	for name, c := range map[string]cluster.Cluster{"memory": nil, "shared": &recorder{lostSockets: make(map[string]cluster.LostSocket)}} {
		t.Run(name, func(t *testing.T) {
			r := newRouteConfig("a", "/chat")
			r.Recovery = time.Minute
			s := newSite(t, hub.Config{Cluster: c, Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{
				Name: "/chat", Rules: []hub.Rule{{Events: []string{"connect"}, Handlers: []hub.Handler{namer{}}}},
			}}})
			ns, _ := s.Namespace("/chat")
			handleSync(ns)
			ns.On("become", namer{})
			test(t, s, ns)
		})
	}
}

// loseSocketOf connects a socket of a user and closes its connection.
func loseSocketOf(t *testing.T, s *site, ns *hub.Namespace, user string) (is identity) {
	t.Helper()
	c := dialClient(t, s.url+"/0/", "4")
	is = c.joinAs("/chat", formatAuth(user, ""))
	c.syncEvents("/chat")
	socket, _ := ns.Socket(is.SID)
	c.conn.Close()
	receiveWithin(t, socket.Done())
	return is
}

func TestRecoveryNeedsTheSameIdentity(t *testing.T) {
	tests := []struct {
		lost, back string
		recovered  bool
	}{
		{"ada", "ada", true},
		{"ada", "eve", false},
		{"ada", "", false},
		{"", "ada", false},
		{"", "", true},
		{"ada", "bad", false},
		{"ada", "away", false},
	}
	runWithIdentities(t, func(t *testing.T, s *site, ns *hub.Namespace) {
		for _, test := range tests {
			is := loseSocketOf(t, s, ns, test.lost)
			back := dialClient(t, s.url+"/0/", "4")
			back.sendPacket("40/chat," + formatAuth(test.back, is.PID))
			switch test.back {
			case "bad":
				back.wantPacket(`44/chat,{"message":"bad"}`)
			case "away":
				back.wantClosed()
			default:
				if _, now := back.readEvents(); (now == is) != test.recovered || (now.SID == is.SID) != test.recovered {
					t.Errorf("%q reconnected to %q: recovered %v", test.back, test.lost, now == is)
				}
				back.syncEvents("/chat")
			}
			if test.recovered {
				continue
			}
			// The attempt of another user leaves the lost socket as it is.
			own := dialClient(t, s.url+"/0/", "4")
			own.sendPacket("40/chat," + formatAuth(test.lost, is.PID))
			if _, now := own.readEvents(); now != is {
				t.Errorf("after %q, %q is not recovered", test.back, test.lost)
			}
		}
	})
}

func TestConnectedSocketIsNotRecoveredByAnotherUser(t *testing.T) {
	runWithIdentities(t, func(t *testing.T, s *site, ns *hub.Namespace) {
		c := dialClient(t, s.url+"/0/", "4")
		is := c.joinAs("/chat", formatAuth("ada", ""))
		eve := dialClient(t, s.url+"/0/", "4")
		eve.sendPacket("40/chat," + formatAuth("eve", is.PID))
		if _, now := eve.readEvents(); now.PID == is.PID {
			t.Error("eve has the socket of ada")
		}
		c.syncEvents("/chat")
	})
}

// A socket that becomes another user's is recovered by no user.
func TestSocketWithChangedIdentityIsNotRecovered(t *testing.T) {
	runWithBothLogs(t, func(t *testing.T, s *site, ns *hub.Namespace, d waitingGate) {
		close(d.open)
		ns.On("connect", namer{})
		ns.On("become", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			user, _ := ev.Args.Index(0)
			ev.AddIdentity(hub.Identity{Source: "namer", Subject: user.Text()})
			return nil
		}))
		for user, recovered := range map[string]bool{"ada": true, "eve": false} {
			c := dialClient(t, s.url+"/0/", "4")
			is := c.joinAs("/chat", `{"user":"ada"}`)
			c.sendPacket(fmt.Sprintf(`42/chat,["become",%q]`, user))
			c.syncEvents("/chat")
			socket, _ := ns.Socket(is.SID)
			c.conn.Close()
			receiveWithin(t, socket.Done())
			for _, back := range []string{"eve", "ada"} {
				c := dialClient(t, s.url+"/0/", "4")
				c.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q,"user":%q}`, is.PID, back))
				if back == "ada" && recovered {
					receiveWithin(t, d.reached)
				}
				if _, now := c.readEvents(); (now == is) != (recovered && back == "ada") {
					t.Errorf("became %q, %q reconnects: recovered %v", user, back, now == is)
				}
			}
		}
	})
}

// A lost socket saved by a Node.js server has no identity: no user recovers it.
func TestLostSocketOfOtherServerHasNoIdentity(t *testing.T) {
	r := &recorder{lostSockets: make(map[string]cluster.LostSocket)}
	rt := newRouteConfig("a", "/chat")
	rt.Recovery = time.Minute
	s := newSite(t, hub.Config{Cluster: r, Routes: []hub.RouteConfig{rt}, Namespaces: []hub.NamespaceConfig{{
		Name: "/chat", Rules: []hub.Rule{{Events: []string{"connect"}, Handlers: []hub.Handler{namer{}}}},
	}}})
	r.lostSockets["p"] = cluster.LostSocket{PID: "p", ID: "other", Rooms: []string{"other"}, Offset: "0"}
	for _, try := range []struct{ auth, pid string }{{`{"pid":"p","user":"ada"}`, ""}, {`{"pid":"p"}`, "p"}} {
		if is := dialClient(t, s.url+"/0/", "4").joinAs("/chat", try.auth); (is.PID == "p") != (try.pid == "p") {
			t.Errorf("%s is %+v", try.auth, is)
		}
	}
}
