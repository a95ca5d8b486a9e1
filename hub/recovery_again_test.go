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

// A connection is lost, or its client gets a connect error, while its socket is recovered:
// the next attempt recovers the socket with the same state.
func TestInterruptedRecoveryKeepsSocketRecoverable(t *testing.T) {
	ended := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	closes := func(back *client) { back.conn.Close() }
	refused := func(back *client) { back.wantPacket(`44/chat,{"message":"no"}`) }
	crossings := map[string]struct {
		cross func(ctx context.Context) error
		then  func(back *client) // called while the hook runs
		lost  bool
	}{
		"the connection breaks":                      {ended, closes, false},
		"the connection breaks and the gate lets in": {func(ctx context.Context) error { <-ctx.Done(); return nil }, closes, false},
		"the client is refused":                      {func(context.Context) error { return &hub.ClientError{Message: "no"} }, refused, false},
		"the backend is away":                        {func(context.Context) error { return &hub.Outage{Err: errors.New("away")} }, func(*client) {}, false},
		"a handler panics":                           {func(context.Context) error { panic("boom") }, func(*client) {}, false},
		"the loss is not noticed":                    {ended, func(*client) {}, false},
		"the client disconnects": {ended, func(back *client) {
			back.sendPacket("41/chat,")
			back.sendPacket("40/none,") // gets a connect error after the disconnect packet was read
			back.readPacket()
			back.conn.Close()
		}, true},
	}
	for _, kind := range []string{"memory", "cluster"} {
		for name, tt := range crossings {
			t.Run(kind+", "+name, func(t *testing.T) {
				g := &hookedGate{}
				r := newRouteConfig("a", "/chat")
				r.Recovery = time.Minute
				config := hub.Config{Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{
					Name: "/chat", Rules: []hub.Rule{{Events: []string{"connect"}, Handlers: []hub.Handler{g}}},
				}}}
				if kind == "cluster" {
					config.Cluster = &recorder{lostSockets: make(map[string]cluster.LostSocket)}
				}
				s := newSite(t, config)
				ns, _ := s.Namespace("/chat")
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
				if _, err := ns.To("lobby").Emit("missed"); err != nil {
					t.Fatal(err)
				}

				back, done := dialClient(t, s.url+"/0/", "4"), make(chan struct{})
				g.mu.Lock()
				g.hook = func(ctx context.Context) error {
					close(done)
					return tt.cross(ctx)
				}
				g.mu.Unlock()
				wanted := fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID)
				back.sendPacket(wanted)
				receiveWithin(t, done)
				tt.then(back)
				again := dialClient(t, s.url+"/0/", "4")
				if tt.lost {
					if got := again.joinAs("/chat", fmt.Sprintf(`{"pid":%q}`, is.PID)); got == is {
						t.Error("recovered")
					}
					return
				}
				again.sendPacket(wanted)
				again.wantPacket(fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID))
				offset := again.readPacket()
				if want := `42/chat,["missed","` + parsePacketOffset(offset) + `"]`; offset != want {
					t.Errorf("got %s", offset)
				}
				again.syncEvents("/chat")
				recovered, _ := ns.Socket(is.SID)
				if !recovered.Status().Recovered || recovered.Data().String() != "{}" || !slices.Equal(recovered.Rooms(), []string{is.SID, "lobby"}) {
					t.Errorf("recovered %v, data %s, rooms %q", recovered.Status().Recovered, recovered.Data(), recovered.Rooms())
				}
			})
		}
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
