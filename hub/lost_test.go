package hub_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
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
			r := route("a", "/chat")
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

// lose returns a socket in rooms whose connection is lost.
func lose(t *testing.T, s *site, ns *hub.Namespace, rooms ...string) (*hub.Socket, identity) {
	t.Helper()
	c := dial(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	c.sync("/chat")
	socket, _ := ns.Socket(is.SID)
	if err := socket.Join(rooms...); err != nil {
		t.Fatal(err)
	}
	c.conn.Close()
	await(t, socket.Done())
	return socket, is
}

// returnAs has a client come back to a socket.
func returnAs(t *testing.T, s *site, is identity) *client {
	t.Helper()
	c := dial(t, s.url+"/0/", "4")
	c.send(fmt.Sprintf(`40/chat,{"pid":%q}`, is.PID))
	return c
}

// events reads the events that a client missed, until it is connected. It returns
// their names, and who the client is.
func (c *client) events() (names []string, is identity) {
	c.t.Helper()
	for {
		packet := c.read()
		if answer, ok := strings.CutPrefix(packet, "40/chat,"); ok {
			c.parse(answer, &is)
			return names, is
		}
		names = append(names, strings.Split(packet, `"`)[1])
	}
}

func TestOperationsOnLostSockets(t *testing.T) {
	tests := map[string]struct {
		do    func(ns *hub.Namespace, s *hub.Socket) error
		rooms string // after it, without the socket's own; "gone" if it is not recovered
	}{
		"leave by room": {func(ns *hub.Namespace, _ *hub.Socket) error { _, err := ns.To("a").SocketsLeave("b"); return err }, "a c"},
		"leave by id": {func(ns *hub.Namespace, s *hub.Socket) error {
			_, err := ns.To(s.ID()).SocketsLeave("a", "b")
			return err
		}, "c"},
		"leave, all":    {func(ns *hub.Namespace, _ *hub.Socket) error { _, err := ns.All().SocketsLeave("a"); return err }, "b c"},
		"leave, others": {func(ns *hub.Namespace, _ *hub.Socket) error { _, err := ns.Except("c").SocketsLeave("a"); return err }, "a b c"},
		"join":          {func(ns *hub.Namespace, _ *hub.Socket) error { _, err := ns.To("x", "b").SocketsJoin("d"); return err }, "a b c d"},
		"join, others":  {func(ns *hub.Namespace, _ *hub.Socket) error { _, err := ns.To("x").SocketsJoin("d"); return err }, "a b c"},
		"join, then leave": {func(ns *hub.Namespace, _ *hub.Socket) error {
			_, _ = ns.To("a").SocketsJoin("d")
			_, err := ns.To("d").SocketsLeave("a", "b", "c")
			return err
		}, "d"},
		"disconnect by room": {func(ns *hub.Namespace, _ *hub.Socket) error {
			_, err := ns.To("a").DisconnectSockets(false)
			return err
		}, "gone"},
		"disconnect by id": {func(ns *hub.Namespace, s *hub.Socket) error {
			_, err := ns.To(s.ID()).DisconnectSockets(true)
			return err
		}, "gone"},
		"disconnect, all": {func(ns *hub.Namespace, _ *hub.Socket) error { _, err := ns.All().DisconnectSockets(false); return err }, "gone"},
		"disconnect, others": {func(ns *hub.Namespace, s *hub.Socket) error {
			_, err := ns.Except("a").DisconnectSockets(false)
			return err
		}, "a b c"},
		"the socket leaves":   {func(_ *hub.Namespace, s *hub.Socket) error { s.Leave("b"); return nil }, "a c"},
		"the socket joins":    {func(_ *hub.Namespace, s *hub.Socket) error { return s.Join("d") }, "a b c d"},
		"the socket ends":     {func(_ *hub.Namespace, s *hub.Socket) error { s.Disconnect(false); return nil }, "gone"},
		"the connection ends": {func(_ *hub.Namespace, s *hub.Socket) error { s.Disconnect(true); return nil }, "gone"},
		"remote socket leaves": {func(ns *hub.Namespace, s *hub.Socket) error {
			_, err := ns.Do(cluster.Leave{Target: rooms.Target{In: []string{s.ID()}}, Rooms: []string{"a"}})
			return err
		}, "b c"},
	}
	bothRecoveries(t, func(t *testing.T, s *site, ns *hub.Namespace, d doorman) {
		close(d.open)
		go func() { // ends with the test, which asks it no more then
			for range d.asked {
			}
		}()
		defer close(d.asked)
		for name, test := range tests {
			socket, is := lose(t, s, ns, "a", "b", "c")
			if err := test.do(ns, socket); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			_, now := returnAs(t, s, is).events()
			got := "gone"
			if now == is {
				again, _ := ns.Socket(is.SID)
				got = strings.Join(again.Rooms()[1:], " ")
			}
			if got != test.rooms {
				t.Errorf("%s: got %s, want %s", name, got, test.rooms)
			}
		}
	})
}

// TestMissedEventsFollowOperations has a lost socket get the events of the rooms that
// it was in when they were emitted, as if its client had been there.
func TestMissedEventsFollowOperations(t *testing.T) {
	bothRecoveries(t, func(t *testing.T, s *site, ns *hub.Namespace, d doorman) {
		socket, is := lose(t, s, ns, "a")
		emit := func(room, name string) { _, _ = ns.To(room).Emit(name) }
		emit("a", "one")
		emit("b", "not yet")
		_, _ = ns.To(socket.ID()).SocketsLeave("a")
		_, _ = ns.To(socket.ID()).SocketsJoin("b")
		emit("a", "not any more")
		emit("b", "two")
		back := returnAs(t, s, is)
		await(t, d.asked)
		emit("b", "three")
		close(d.open)
		names, now := back.events()
		if now != is || !slices.Equal(names, []string{"one", "two", "three"}) {
			t.Errorf("%q, recovered %v", names, now == is)
		}
	})
}

// TestOperationsWhileRestoring has operations come while a gate decides about a client
// that comes back.
func TestOperationsWhileRestoring(t *testing.T) {
	bothRecoveries(t, func(t *testing.T, s *site, ns *hub.Namespace, d doorman) {
		_, is := lose(t, s, ns, "a", "b")
		back := returnAs(t, s, is)
		await(t, d.asked)
		_, _ = ns.To("b").SocketsJoin("c")
		_, _ = ns.To("c").SocketsLeave("a")
		d.open <- struct{}{}
		if _, now := back.events(); now != is {
			t.Fatal("not recovered")
		}
		back.sync("/chat")
		socket, _ := ns.Socket(is.SID)
		if got := socket.Rooms(); !slices.Equal(got, []string{is.SID, "b", "c"}) {
			t.Errorf("in %q", got)
		}
		back.conn.Close()
		await(t, socket.Done())

		back = returnAs(t, s, is)
		await(t, d.asked)
		_, _ = ns.To("c").DisconnectSockets(false)
		d.open <- struct{}{}
		if _, now := back.events(); now == is { // the client learns both
			back.want("41/chat,")
		}
	})
}

// TestLateHandlersOfLostSockets has the handlers of what a client sent before it was
// lost change the socket afterwards.
func TestLateHandlersOfLostSockets(t *testing.T) {
	bothRecoveries(t, func(t *testing.T, s *site, ns *hub.Namespace, d doorman) {
		close(d.open)
		begun, lost := make(chan struct{}), make(chan struct{})
		ns.On("late", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			close(begun)
			<-lost
			ev.Socket.Leave("a")
			_ = ev.Socket.Set("name", "ada")
			ev.SetValue("claims", sio.Data{JSON: []byte(`7`)})
			return ev.Socket.Join("b")
		}))
		c := dial(t, s.url+"/0/", "4")
		is := c.joinAs("/chat", "{}")
		c.sync("/chat")
		socket, _ := ns.Socket(is.SID)
		_ = socket.Join("a")
		c.send(`42/chat,["late"]`)
		await(t, begun)
		ended := make(chan error, 1)
		go func() { // ends with the socket
			_, err := socket.Timeout(0).EmitWithAck(context.Background(), "unanswered")
			ended <- err
		}()
		c.read()
		c.conn.Close()
		await(t, ended)
		close(lost)
		await(t, socket.Done())
		back := returnAs(t, s, is)
		await(t, d.asked)
		if _, now := back.events(); now != is {
			t.Fatal("not recovered")
		}
		again, _ := ns.Socket(is.SID)
		if again == socket {
			t.Fatal("the former socket is still there")
		}
		claims, _ := (&hub.Event{Socket: again}).Lookup("claims")
		if got := again.Rooms(); !slices.Equal(got, []string{is.SID, "b"}) || again.Data().String() != `{"name":"ada"}` || claims.Text() != "7" {
			t.Errorf("in %q, with %s and %s", got, again.Data(), claims)
		}
		back.sync("/chat") // the socket is live then
		// The former socket's handlers reach the one that the client has now.
		socket.Leave("b")
		if got := again.Rooms(); !slices.Equal(got, []string{is.SID}) {
			t.Errorf("in %q", got)
		}
	})
}

// TestRemovedNamespace has a reload remove a namespace with a lost socket, and another
// bring it back.
func TestRemovedNamespace(t *testing.T) {
	r := route("a", "/chat")
	r.Recovery = time.Minute
	with := hub.Config{Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{Name: "/chat"}}}
	s := newSite(t, with)
	ns, _ := s.Namespace("/chat")
	answerSync(ns)
	_, is := lose(t, s, ns)
	without := hub.Config{Routes: []hub.RouteConfig{route("a")}}
	without.Routes[0].Recovery = time.Minute
	other, _ := join(t, s.url+"/0/", "/chat", "{}")
	other.sync("/chat")
	s.reload(without)
	other.want("41/chat,")
	s.reload(with)
	if _, now := returnAs(t, s, is).events(); now.PID == is.PID {
		t.Error("recovered")
	}
}
