package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// hookedGate is a gate that calls hook once, for the next socket that is recovered.
type hookedGate struct {
	mu   sync.Mutex // guards hook
	hook func(context.Context) error
}

func (*hookedGate) Gate() {}

func (g *hookedGate) HandleEvent(ctx context.Context, ev *hub.Event) error {
	g.mu.Lock()
	hook := g.hook
	g.hook = nil
	g.mu.Unlock()
	if hook == nil || !ev.Socket.Status().Recovered {
		return nil
	}
	_ = ev.Socket.Set("crossed", true)
	_ = ev.Socket.Join("crossed")
	return hook(ctx)
}

// interruption is how the recovery of a socket is interrupted.
type interruption struct {
	cross func(ctx context.Context) error // the gate
	then  func(back *client)              // called while the gate runs
	lost  bool                            // the socket cannot be recovered any more
}

var interruptions = map[string]interruption{
	"the connection breaks":                      {awaitEnd, closeConnection, false},
	"the connection breaks and the gate lets in": {func(ctx context.Context) error { <-ctx.Done(); return nil }, closeConnection, false},
	"the client is refused":                      {func(context.Context) error { return &hub.ClientError{Message: "no"} }, wantRefusal, false},
	"the backend is away":                        {func(context.Context) error { return &hub.Outage{Err: errors.New("away")} }, func(*client) {}, false},
	"a handler panics":                           {func(context.Context) error { panic("boom") }, func(*client) {}, false},
	"the loss is not noticed":                    {awaitEnd, func(*client) {}, false},
	"the client disconnects": {awaitEnd, func(back *client) {
		back.sendPacket("41/chat,")
		back.sendPacket("40/none,") // gets a connect error after the disconnect packet was read
		back.readPacket()
		back.conn.Close()
	}, true},
}

func awaitEnd(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func closeConnection(back *client) { back.conn.Close() }
func wantRefusal(back *client)     { back.wantPacket(`44/chat,{"message":"no"}`) }

// A connection is lost, or its client gets a connect error, while its socket is recovered:
// the next attempt recovers the socket with the same state.
func TestInterruptedRecoveryKeepsSocketRecoverable(t *testing.T) {
	for _, kind := range []string{"memory", "cluster"} {
		for name, tt := range interruptions {
			t.Run(kind+", "+name, func(t *testing.T) {
				g := &hookedGate{}
				s := newGatedSite(t, g, kind == "cluster")
				ns, _ := s.Namespace("/chat")
				is := s.loseSocket(t, ns)
				if _, err := ns.To("lobby").Emit("missed"); err != nil {
					t.Fatal(err)
				}
				s.interruptRecovery(t, g, is, tt)
				again := dialClient(t, s.url+"/0/", "4")
				if tt.lost {
					if got := again.joinAs("/chat", fmt.Sprintf(`{"pid":%q}`, is.PID)); got == is {
						t.Error("recovered")
					}
					return
				}
				again.wantRecovered(ns, is)
			})
		}
	}
}

// Three clients come with one secret. The first is recovering the socket when the second
// interrupts it, and the third interrupts the second: the third gets the socket.
func TestLastOfSeveralClientsGetsSocket(t *testing.T) {
	for _, kind := range []string{"memory", "cluster"} {
		t.Run(kind, func(t *testing.T) {
			g := &hookedGate{}
			s := newGatedSite(t, g, kind == "cluster")
			ns, _ := s.Namespace("/chat")
			is := s.loseSocket(t, ns)
			entered, leave := make(chan struct{}), make(chan struct{})
			g.mu.Lock()
			g.hook = func(context.Context) error {
				close(entered)
				<-leave
				return nil
			}
			g.mu.Unlock()
			var all []*client
			for range 3 {
				all = append(all, dialClient(t, s.url+"/0/", "4"))
			}
			all[0].sendPacket(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
			receiveWithin(t, entered)
			for i, c := range all[1:] {
				c.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
				all[i].wantClosed()
			}
			close(leave)
			all[2].wantPacket(fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID))
		})
	}
}

// newGatedSite returns a site with recovery, whose sockets pass a gate.
func newGatedSite(t *testing.T, g *hookedGate, shared bool) *site {
	r := newRouteConfig("a", "/chat")
	r.Recovery = time.Minute
	config := hub.Config{Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{
		Name: "/chat", Rules: []hub.Rule{{Events: []string{"connect"}, Handlers: []hub.Handler{g}}},
	}}}
	if shared {
		config.Cluster = &recorder{lostSockets: make(map[string]cluster.LostSocket)}
	}
	return newSite(t, config)
}

// loseSocket connects a socket in the room lobby, and loses its connection.
func (s *site) loseSocket(t *testing.T, ns *hub.Namespace) identity {
	handleSync(ns)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	c.syncEvents("/chat")
	socket, _ := ns.Socket(is.SID)
	if err := socket.Join("lobby"); err != nil {
		t.Fatal(err)
	}
	c.conn.Close()
	receiveWithin(t, socket.Done())
	return is
}

// interruptRecovery begins to recover a socket, and interrupts it in the gate.
func (s *site) interruptRecovery(t *testing.T, g *hookedGate, is identity, by interruption) {
	back, entered := dialClient(t, s.url+"/0/", "4"), make(chan struct{})
	g.mu.Lock()
	g.hook = func(ctx context.Context) error {
		close(entered)
		return by.cross(ctx)
	}
	g.mu.Unlock()
	back.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
	receiveWithin(t, entered)
	by.then(back)
}

// wantRecovered recovers a socket, which gets the event that it missed, and is as it was lost.
func (c *client) wantRecovered(ns *hub.Namespace, is identity) {
	c.t.Helper()
	c.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
	c.wantPacket(fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID))
	missed := c.readPacket()
	if want := `42/chat,["missed","` + parsePacketOffset(missed) + `"]`; missed != want {
		c.t.Errorf("got %s", missed)
	}
	c.syncEvents("/chat")
	recovered, _ := ns.Socket(is.SID)
	if !recovered.Status().Recovered || recovered.Data().String() != "{}" || !slices.Equal(recovered.Rooms(), []string{is.SID, "lobby"}) {
		c.t.Errorf("recovered %v, data %s, rooms %q", recovered.Status().Recovered, recovered.Data(), recovered.Rooms())
	}
}

// A replay fails after the recorder returned the saved socket, while its client reconnects:
// the second attempt recovers the socket.
func TestFailedReplayKeepsSocketRecoverable(t *testing.T) {
	r, s, ns := newSharedSite(t)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	c.syncEvents("/chat")
	socket, _ := ns.Socket(is.SID)
	c.conn.Close()
	receiveWithin(t, socket.Done())
	back, asked := dialClient(t, s.url+"/0/", "4"), make(chan struct{})
	released := make(chan struct{})
	r.mu.Lock()
	r.failReplay = func() error {
		close(asked)
		<-released
		return context.Canceled
	}
	r.mu.Unlock()
	back.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
	receiveWithin(t, asked)
	again := dialClient(t, s.url+"/0/", "4")
	again.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
	back.wantClosed() // the second attempt closes the connection of the first
	close(released)
	again.wantPacket(fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID))
}

// A node closes and saves a stale socket on request of another node, and requests the same
// from other nodes when a client with an unknown pid connects.
func TestCloseStaleMovesSocketToOtherNode(t *testing.T) {
	r, s, ns := newSharedSite(t)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	c.syncEvents("/chat")
	recalled := func(pid, identity string) (found cluster.StaleClosed) {
		hub.NodeOf(ns).Reply(t.Context(), cluster.CloseStale{PID: pid, Identity: identity}, func(a cluster.Reply) { found = a.(cluster.StaleClosed) })
		return found
	}
	if recalled("other", "") || recalled(is.PID, "other") || !recalled(is.PID, "") {
		t.Error("another socket is closed, or this one is not")
	}
	c.wantClosed()
	r.mu.Lock()
	left, saved := r.lostSockets[is.PID]
	delete(r.lostSockets, is.PID)
	r.mu.Unlock()
	if !saved {
		t.Fatal("the closed socket is not saved")
	}
	r.closeStale = func(pid, identity string) bool {
		if pid != is.PID || identity != "" {
			return false
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lostSockets[pid] = left
		return true
	}
	back := dialClient(t, s.url+"/0/", "4")
	if got := back.joinAs("/chat", fmt.Sprintf(`{"pid":%q}`, is.PID)); got != is {
		t.Errorf("got %+v, want %+v", got, is)
	}
}
