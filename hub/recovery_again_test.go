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

// hookedGate is a gate that calls cross for a socket that is recovered.
type hookedGate struct {
	mu   sync.Mutex // guards cross
	hook func(context.Context) error
}

func (*hookedGate) Gate() {}

func (g *hookedGate) HandleEvent(ctx context.Context, ev *hub.Event) error {
	g.mu.Lock()
	cross := g.hook
	g.hook = nil
	g.mu.Unlock()
	if cross == nil || !ev.Socket.Status().Recovered {
		return nil
	}
	_ = ev.Socket.Set("crossed", true)
	_ = ev.Socket.Join("crossed")
	return cross(ctx)
}

// TestInterruptedRecoveryKeepsSocketRecoverable has a connection break, or its client be refused, while
// the socket is recovered: it is recovered the next time, as it was.
func TestInterruptedRecoveryKeepsSocketRecoverable(t *testing.T) {
	ended := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	closes := func(back *client) { back.conn.Close() }
	refused := func(back *client) { back.wantPacket(`44/chat,{"message":"no"}`) }
	crossings := map[string]struct {
		cross func(ctx context.Context) error
		then  func(back *client) // what the client does meanwhile
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
			back.sendPacket("40/none,") // is refused after that
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
						t.Error("it is back")
					}
					return
				}
				again.sendPacket(wanted)
				offset := again.readPacket()
				if want := `42/chat,["missed","` + parsePacketOffset(offset) + `"]`; offset != want {
					t.Errorf("got %s", offset)
				}
				again.wantPacket(fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID))
				again.syncEvents("/chat")
				recovered, _ := ns.Socket(is.SID)
				if !recovered.Status().Recovered || recovered.Data().String() != "{}" || !slices.Equal(recovered.Rooms(), []string{is.SID, "lobby"}) {
					t.Errorf("recovered %v, data %s, rooms %q", recovered.Status().Recovered, recovered.Data(), recovered.Rooms())
				}
			})
		}
	}
}

// TestFailedReplayKeepsSocketRecoverable has a connection break when the saved
// socket is taken and before it is restored.
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
	back.wantClosed() // its former connection is closed
	close(released)
	again.wantPacket(fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID))
}

// TestCloseStaleMovesSocketToOtherNode has a node be asked for a socket whose client came back to another one,
// and ask for one.
func TestCloseStaleMovesSocketToOtherNode(t *testing.T) {
	r, s, ns := newSharedSite(t)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	c.syncEvents("/chat")
	recalled := func(pid, identity string) (found cluster.StaleClosed) {
		hub.NodeOf(ns).Reply(t.Context(), cluster.CloseStale{PID: pid, Identity: identity}, func(a cluster.Reply) { found = a.(cluster.StaleClosed) })
		return found
	}
	if recalled("other", "") || recalled(is.PID, "somebody else") || !recalled(is.PID, "") {
		t.Error("it recalls another socket, or not this one")
	}
	c.wantClosed()
	r.mu.Lock()
	left, saved := r.lostSockets[is.PID]
	delete(r.lostSockets, is.PID)
	r.mu.Unlock()
	if !saved {
		t.Fatal("a recalled socket is not saved")
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
