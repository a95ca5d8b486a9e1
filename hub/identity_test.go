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

// namer identifies clients by the member user of their auth. Those without are nobody,
// and a user named "bad" is refused.
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

func TestRecoveredIdentity(t *testing.T) {
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
	auth := func(user, pid string) string {
		if user == "" {
			return fmt.Sprintf(`{"pid":%q}`, pid)
		}
		return fmt.Sprintf(`{"pid":%q,"user":%q}`, pid, user)
	}
	for name, c := range map[string]cluster.Cluster{"memory": nil, "shared": &recorder{sessions: make(map[string]cluster.LostSocket)}} {
		t.Run(name, func(t *testing.T) {
			r := route("a", "/chat")
			r.Recovery = time.Minute
			s := newSite(t, hub.Config{Cluster: c, Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{
				Name: "/chat", Rules: []hub.Rule{{Events: []string{"connect"}, Handlers: []hub.Handler{namer{}}}},
			}}})
			ns, _ := s.Namespace("/chat")
			answerSync(ns)
			ns.On("become", namer{})
			lose := func(user string) (is identity) {
				c := dial(t, s.url+"/0/", "4")
				is = c.joinAs("/chat", auth(user, ""))
				c.sync("/chat")
				socket, _ := ns.Socket(is.SID)
				c.conn.Close()
				await(t, socket.Done())
				return is
			}
			for _, test := range tests {
				is := lose(test.lost)
				back := dial(t, s.url+"/0/", "4")
				back.send("40/chat," + auth(test.back, is.PID))
				switch test.back {
				case "bad":
					back.want(`44/chat,{"message":"bad"}`)
				case "away":
					back.wantClosed()
				default:
					if _, now := back.events(); (now == is) != test.recovered || (now.SID == is.SID) != test.recovered {
						t.Errorf("%q came back to %q: recovered %v", test.back, test.lost, now == is)
					}
					back.sync("/chat")
				}
				if test.recovered {
					continue
				}
				// An attempt of somebody else takes nothing away.
				own := dial(t, s.url+"/0/", "4")
				own.send("40/chat," + auth(test.lost, is.PID))
				if _, now := own.events(); now != is {
					t.Errorf("after %q, %q is not recovered", test.back, test.lost)
				}
			}
			// Nor does one that comes while the socket is connected.
			c := dial(t, s.url+"/0/", "4")
			is := c.joinAs("/chat", auth("ada", ""))
			eve := dial(t, s.url+"/0/", "4")
			eve.send("40/chat," + auth("eve", is.PID))
			if _, now := eve.events(); now.PID == is.PID {
				t.Error("eve has the socket of ada")
			}
			c.sync("/chat")
		})
	}
}

// TestChangedIdentity has a socket become another user's: it is nobody's afterwards.
func TestChangedIdentity(t *testing.T) {
	bothRecoveries(t, func(t *testing.T, s *site, ns *hub.Namespace, d doorman) {
		close(d.open)
		ns.On("connect", namer{})
		ns.On("become", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			user, _ := ev.Args.Index(0)
			ev.AddIdentity(hub.Identity{Source: "namer", Subject: user.Text()})
			return nil
		}))
		for user, recovered := range map[string]bool{"ada": true, "eve": false} {
			c := dial(t, s.url+"/0/", "4")
			is := c.joinAs("/chat", `{"user":"ada"}`)
			c.send(fmt.Sprintf(`42/chat,["become",%q]`, user))
			c.sync("/chat")
			socket, _ := ns.Socket(is.SID)
			c.conn.Close()
			await(t, socket.Done())
			for _, back := range []string{"eve", "ada"} {
				c := dial(t, s.url+"/0/", "4")
				c.send(fmt.Sprintf(`40/chat,{"pid":%q,"user":%q}`, is.PID, back))
				if back == "ada" && recovered {
					await(t, d.asked)
				}
				if _, now := c.events(); (now == is) != (recovered && back == "ada") {
					t.Errorf("became %q, %q is back: recovered %v", user, back, now == is)
				}
			}
		}
	})
}

// TestSessionOfAnotherServer has no identity: nobody gets it who has one.
func TestSessionOfAnotherServer(t *testing.T) {
	r := &recorder{sessions: make(map[string]cluster.LostSocket)}
	rt := route("a", "/chat")
	rt.Recovery = time.Minute
	s := newSite(t, hub.Config{Cluster: r, Routes: []hub.RouteConfig{rt}, Namespaces: []hub.NamespaceConfig{{
		Name: "/chat", Rules: []hub.Rule{{Events: []string{"connect"}, Handlers: []hub.Handler{namer{}}}},
	}}})
	r.sessions["p"] = cluster.LostSocket{PID: "p", ID: "other", Rooms: []string{"other"}, Offset: "0"}
	for _, try := range []struct{ auth, pid string }{{`{"pid":"p","user":"ada"}`, ""}, {`{"pid":"p"}`, "p"}} {
		if is := dial(t, s.url+"/0/", "4").joinAs("/chat", try.auth); (is.PID == "p") != (try.pid == "p") {
			t.Errorf("%s is %+v", try.auth, is)
		}
	}
}
