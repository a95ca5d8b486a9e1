package recordertest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// lostSocketFollowsOperations applies operations of all kinds to a lost socket.
func lostSocketFollowsOperations(t *testing.T, s *server) {
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
	s.openGate()
	for name, test := range tests {
		socket, is := s.loseSocket(t, "a", "b", "c")
		if err := test.do(s.Namespace, socket); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_, now := dialClient(t, s).reconnect(is.PID)
		got := "gone"
		if now == is {
			again, _ := s.Socket(is.SID)
			got = strings.Join(again.Rooms()[1:], " ")
		}
		if got != test.rooms {
			t.Errorf("%s: got %s, want %s", name, got, test.rooms)
		}
	}
}

// lostSocketGetsData sets data of a lost socket, and of a socket that waits at a gate.
func lostSocketGetsData(t *testing.T, s *server) {
	socket, is := s.loseSocket(t, "a")
	_ = socket.Set("late", 1)
	set := func(out hub.Broadcast, key string, value any) {
		t.Helper()
		if _, err := out.SocketsSet(key, value); err != nil {
			t.Error(err)
		}
	}
	set(s.To("a"), "late", 2)
	set(s.All(), "all", map[string]any{"bytes": []byte{1, 2}})
	set(s.Except("a"), "others", true)
	_ = socket.Set("all", []byte{3}) // by a handler that returns late
	back := dialClient(t, s)
	back.sendPacket(`40/chat,{"pid":"` + is.PID + `"}`)
	s.awaitGate(t)
	set(s.To(is.SID), "waiting", "x")
	s.gate.open <- struct{}{}
	if _, now := back.readEvents(); now != is {
		t.Fatal("not recovered")
	}
	back.syncEvents()
	again, _ := s.Socket(is.SID)
	if got := again.Data().String(); got != `{"all":{"$binary":"Aw=="},"late":2,"waiting":"x"}` {
		t.Errorf("has %s", got)
	}
}

// replayFollowsOperations replays the events of the rooms that a lost socket was in when
// they were emitted.
func replayFollowsOperations(t *testing.T, s *server) {
	socket, is := s.loseSocket(t, "a")
	emit := func(room, name string) { _, _ = s.To(room).Emit(name) }
	emit("a", "one")
	emit("b", "not yet")
	_, _ = s.To(socket.ID()).SocketsLeave("a")
	_, _ = s.To(socket.ID()).SocketsJoin("b")
	emit("a", "not any more")
	emit("b", "two")
	back := dialClient(t, s)
	back.sendPacket(`40/chat,{"pid":"` + is.PID + `"}`)
	s.awaitGate(t)
	emit("b", "three")
	close(s.gate.open)
	names, now := back.readEvents()
	if now != is || !slices.Equal(names, []string{"one", "two", "three"}) {
		t.Errorf("%q, recovered %v", names, now == is)
	}
}

// operationsApplyWhileRestoring applies operations to a socket that waits at a gate.
func operationsApplyWhileRestoring(t *testing.T, s *server) {
	_, is := s.loseSocket(t, "a", "b")
	back := dialClient(t, s)
	back.sendPacket(`40/chat,{"pid":"` + is.PID + `"}`)
	s.awaitGate(t)
	_, _ = s.To("b").SocketsJoin("c")
	_, _ = s.To("c").SocketsLeave("a")
	s.gate.open <- struct{}{}
	if _, now := back.readEvents(); now != is {
		t.Fatal("not recovered")
	}
	back.syncEvents()
	socket, _ := s.Socket(is.SID)
	if got := socket.Rooms(); !slices.Equal(got, []string{is.SID, "b", "c"}) {
		t.Errorf("in %q", got)
	}
	back.conn.Close()
	receiveWithin(t, socket.Done())

	back = dialClient(t, s)
	back.sendPacket(`40/chat,{"pid":"` + is.PID + `"}`)
	s.awaitGate(t)
	_, _ = s.To("c").DisconnectSockets(false)
	s.gate.open <- struct{}{}
	if back.readConnect() == is { // the client gets both
		back.wantPacket("41/chat,")
	}
}

// lateHandlersUpdateLostSocket changes a lost socket by a handler of an event that its
// client sent before.
func lateHandlersUpdateLostSocket(t *testing.T, s *server) {
	s.openGate()
	begun, lost := make(chan struct{}), make(chan struct{})
	s.On("late", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		close(begun)
		<-lost
		ev.Socket.Leave("a")
		_ = ev.Socket.Set("name", "ada")
		ev.SetValue("claims", sio.Data{JSON: []byte(`7`)})
		return ev.Socket.Join("b")
	}))
	c := dialClient(t, s)
	_, is := c.connectSocket("{}")
	c.syncEvents()
	socket, _ := s.Socket(is.SID)
	_ = socket.Join("a")
	c.sendPacket(`42/chat,["late"]`)
	receiveWithin(t, begun)
	ended := make(chan error, 1)
	go func() { // ends with the socket
		_, err := socket.Timeout(timeout).EmitWithAck(context.Background(), "unanswered")
		ended <- err
	}()
	c.readPacket()
	c.conn.Close()
	receiveWithin(t, ended)
	close(lost)
	receiveWithin(t, socket.Done())
	back := dialClient(t, s)
	if _, now := back.reconnect(is.PID); now != is {
		t.Fatal("not recovered")
	}
	again, _ := s.Socket(is.SID)
	if again == socket {
		t.Fatal("the former socket is not replaced")
	}
	claims, _ := (&hub.Event{Socket: again}).Lookup("claims")
	if got := again.Rooms(); !slices.Equal(got, []string{is.SID, "b"}) || again.Data().String() != `{"name":"ada"}` || claims.Text() != "7" {
		t.Errorf("in %q, with %s and %s", got, again.Data(), claims)
	}
	back.syncEvents() // the socket is live then
	// Handlers of the former socket change the recovered one.
	socket.Leave("b")
	if got := again.Rooms(); !slices.Equal(got, []string{is.SID}) {
		t.Errorf("in %q", got)
	}
}
