package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

func newRecoveringSite(t *testing.T) (*site, *hub.Namespace) {
	return newLimitedRecoveringSite(t, 0)
}

// newLimitedRecoveringSite returns a site with recovery and a memory limit; 0 means none.
func newLimitedRecoveringSite(t *testing.T, limit int64) (*site, *hub.Namespace) {
	r := newRouteConfig("a", "/chat")
	r.Recovery = time.Minute
	s := newLimitedSite(t, limit, hub.Config{
		Routes: []hub.RouteConfig{r},
		Namespaces: []hub.NamespaceConfig{{Name: "/chat", Rules: []hub.Rule{{
			Events: []string{"connect"},
			Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
				return ev.Socket.Set("connects", 1)
			})},
		}}}},
	})
	ns, _ := s.Namespace("/chat")
	handleSync(ns)
	return s, ns
}

// identity is the id and the pid of a socket, from the reply to its connect packet.
type identity struct{ SID, PID string }

func (c *client) joinAs(namespace, auth string) identity {
	c.t.Helper()
	c.sendPacket("40" + namespace + "," + auth)
	var is identity
	c.parseJSON(strings.TrimPrefix(c.readPacket(), "40"+namespace+","), &is)
	return is
}

// parsePacketOffset returns the offset in an event packet.
func parsePacketOffset(packet string) string {
	packet = strings.TrimSuffix(packet, `"]`)
	return packet[strings.LastIndexByte(packet, '"')+1:]
}

// emitVolatile emits a volatile event until a socket is ready for it.
func emitVolatile(t *testing.T, to hub.Broadcast, event string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); {
		if n, err := to.Volatile().Emit(event, args...); n > 0 || err != nil {
			return
		}
	}
	t.Fatal("no socket is ready for a volatile event")
}

// countDelivered returns how many events a hub delivered.
func countDelivered(h *hub.Hub) (delivered uint64) {
	for _, ns := range h.Stats().Namespaces {
		delivered += ns.Delivered
	}
	return delivered
}

func TestRecoveredSocketGetsMissedEvents(t *testing.T) {
	s, ns := newRecoveringSite(t)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	c.syncEvents("/chat") // the reply to the connect packet comes first
	socket, _ := ns.Socket(is.SID)
	if err := socket.Join("lobby"); err != nil {
		t.Fatal(err)
	}
	if err := socket.Set("name", "ada"); err != nil {
		t.Fatal(err)
	}
	_, _ = ns.To("lobby").Emit("one", 1)
	one := c.readPacket()
	if !strings.HasPrefix(one, `42/chat,["one",1,"`) {
		t.Fatalf("got %q", one)
	}
	emitVolatile(t, ns.To("lobby"), "volatile")
	if got := parsePacketOffset(c.readPacket()); got != parsePacketOffset(one) {
		t.Errorf("a volatile event has the offset %q", got)
	}
	c.conn.Close()
	receiveWithin(t, socket.Done())

	_, _ = ns.To("lobby").Emit("two")
	_, _ = ns.To("elsewhere").Emit("not for it")
	_, _ = ns.To("lobby").Except(is.SID).Emit("not for it")
	_, _ = ns.To("lobby").Volatile().Emit("volatile while lost")
	_, _ = ns.To(is.SID, "lobby").Emit("three", []byte{3})
	_, _ = ns.Emit("four")

	before := countDelivered(s.Hub)
	back := dialClient(t, s.url+"/0/", "4")
	back.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q,"offset":%q}`, is.PID, parsePacketOffset(one)))
	back.wantPacket(fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID))
	for _, want := range []string{`42/chat,["two","`, `451-/chat,["three",{"_placeholder":true,"num":0},"`, "\x03", `42/chat,["four","`} {
		if got := back.readPacket(); !strings.HasPrefix(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	again, _ := ns.Socket(is.SID)
	if !again.Status().Recovered || again == socket || again.Data().String() != `{"connects":1,"name":"ada"}` ||
		!slices.Equal(again.Rooms(), []string{is.SID, "lobby"}) {
		t.Errorf("recovered %v, data %s, rooms %q", again.Status().Recovered, again.Data(), again.Rooms())
	}
	back.syncEvents("/chat")
	if got := countDelivered(s.Hub) - before; got != 3 {
		t.Errorf("%d events count as delivered, want 3", got)
	}

	// Another pid recovers no socket.
	other := dialClient(t, s.url+"/0/", "4")
	got := other.joinAs("/chat", fmt.Sprintf(`{"pid":"x%s","offset":%q}`, is.PID, parsePacketOffset(one)))
	if got.SID == is.SID || got.PID == is.PID {
		t.Error("a wrong pid recovers a socket")
	}
}

func TestReconnectClosesStaleSocket(t *testing.T) {
	s, ns := newRecoveringSite(t)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	back := dialClient(t, s.url+"/0/", "4")
	if got := back.joinAs("/chat", fmt.Sprintf(`{"pid":%q}`, is.PID)); got != is {
		t.Errorf("got %+v, want %+v", got, is)
	}
	c.wantClosed()
	back.syncEvents("/chat")
	_, _ = ns.Emit("news")
	if got := back.readPacket(); !strings.HasPrefix(got, `42/chat,["news","`) {
		t.Errorf("got %q", got)
	}
}

// Disconnected sockets and unknown offsets are not recovered. Clients of Socket.IO 2 get no
// offsets.
func TestDisconnectedSocketIsNotRecovered(t *testing.T) {
	s, ns := newRecoveringSite(t)
	tests := map[string]func(c *client, s *hub.Socket) (offset string){
		"client disconnects": func(c *client, _ *hub.Socket) string {
			c.sendPacket("41/chat,")
			return ""
		},
		"server disconnects": func(_ *client, s *hub.Socket) string {
			s.Disconnect(true)
			return ""
		},
		"unknown offset": func(c *client, _ *hub.Socket) string {
			c.conn.Close()
			return "who.knows"
		},
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			c := dialClient(t, s.url+"/0/", "4")
			is := c.joinAs("/chat", "{}")
			c.syncEvents("/chat")
			socket, _ := ns.Socket(is.SID)
			offset := end(c, socket)
			receiveWithin(t, socket.Done())
			back := dialClient(t, s.url+"/0/", "4")
			got := back.joinAs("/chat", fmt.Sprintf(`{"pid":%q,"offset":%q}`, is.PID, offset))
			if got.SID == is.SID || got.PID == is.PID {
				t.Errorf("recovered %+v", got)
			}
		})
	}
	old := dialClient(t, s.url+"/0/", "3")
	old.wantPacket("40")
	old.sendPacket("40/chat,")
	old.wantPacket("40/chat,")
	_, _ = ns.Emit("news")
	old.wantPacket(`42/chat,["news"]`)
}

// wordGate is a gate that accepts one word in the auth, and reports each word.
type wordGate struct{ words chan string }

func (wordGate) Gate() {}

func (g wordGate) HandleEvent(_ context.Context, ev *hub.Event) error {
	var auth struct{ Word string }
	_ = ev.Socket.Handshake().Auth.Decode(&auth)
	g.words <- auth.Word
	if auth.Word != "please" {
		return &hub.ClientError{Message: "no"}
	}
	return nil
}

func TestRecoveryRunsGates(t *testing.T) {
	r := newRouteConfig("a", "/chat")
	r.Recovery = time.Minute
	g := wordGate{make(chan string, 10)}
	s := newSite(t, hub.Config{Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{{
		Name: "/chat", Rules: []hub.Rule{{Events: []string{"connect"}, Handlers: []hub.Handler{g}}},
	}}})
	ns, _ := s.Namespace("/chat")
	for _, word := range []string{"please", "now"} {
		c := dialClient(t, s.url+"/0/", "4")
		is := c.joinAs("/chat", `{"word":"please"}`)
		receiveWithin(t, g.words)
		socket, _ := ns.Socket(is.SID)
		c.conn.Close()
		receiveWithin(t, socket.Done())
		back := dialClient(t, s.url+"/0/", "4")
		back.sendPacket(fmt.Sprintf(`40/chat,{"pid":%q,"word":%q}`, is.PID, word))
		want := fmt.Sprintf(`40/chat,{"sid":%q,"pid":%q}`, is.SID, is.PID)
		if word != "please" {
			want = `44/chat,{"message":"no"}`
		}
		back.wantPacket(want)
		if got := receiveWithin(t, g.words); got != word {
			t.Errorf("the gate ran with %q", got)
		}
	}
}

// A client that missed more events than its queue may hold gets a new socket.
func TestSocketWithTooManyMissedEventsIsNotRecovered(t *testing.T) {
	s, ns := newRecoveringSite(t)
	c := dialClient(t, s.url+"/0/", "4")
	is := c.joinAs("/chat", "{}")
	socket, _ := ns.Socket(is.SID)
	c.conn.Close()
	receiveWithin(t, socket.Done())
	for range 10 {
		_, _ = ns.Emit("news", strings.Repeat("x", 100_000))
	}
	back := dialClient(t, s.url+"/0/", "4")
	if got := back.joinAs("/chat", fmt.Sprintf(`{"pid":%q}`, is.PID)); got.SID == is.SID {
		t.Error("recovered")
	}
	back.syncEvents("/chat")
}

// The state of lost sockets and the targets of events are kept up to a limit.
func TestRecoveryLogIsBounded(t *testing.T) {
	loseSocket := func(s *site, ns *hub.Namespace, address, data string, rooms ...string) identity {
		c := dialClient(t, s.url+"/0/", "4&address="+address)
		is := c.joinAs("/chat", "{}")
		socket, _ := ns.Socket(is.SID)
		if err := errors.Join(socket.Set("data", data), socket.Join(rooms...)); err != nil {
			t.Fatal(err)
		}
		c.conn.Close()
		receiveWithin(t, socket.Done())
		return is
	}
	isRecovered := func(s *site, is identity) bool {
		return dialClient(t, s.url+"/0/", "4").joinAs("/chat", fmt.Sprintf(`{"pid":%q}`, is.PID)).SID == is.SID
	}
	t.Run("sockets", func(t *testing.T) {
		s, ns := newLimitedRecoveringSite(t, 512<<20) // an eighth is kept
		large := strings.Repeat("x", hub.MaxData*9/10)
		rooms := make([]string, hub.MaxRooms-1)
		for i := range rooms {
			rooms[i] = fmt.Sprintf("%0*d", hub.MaxRoomName, i)
		}
		victim := loseSocket(s, ns, "192.0.2.9", "")
		first := loseSocket(s, ns, "192.0.2.1", large, rooms...)
		for range 100 {
			loseSocket(s, ns, "192.0.2.1", large, rooms...)
		}
		last := loseSocket(s, ns, "192.0.2.1", large, rooms...)
		if isRecovered(s, first) || !isRecovered(s, last) || !isRecovered(s, victim) {
			t.Error("the first is recovered, or the last or the one of another address is not")
		}
	})
	t.Run("targets", func(t *testing.T) {
		s, ns := newRecoveringSite(t)
		lost := loseSocket(s, ns, "192.0.2.1", "")
		rooms := make([]string, 900_000)
		for i := range rooms {
			rooms[i] = fmt.Sprint(i)
		}
		if _, err := ns.To(rooms...).Emit("news"); err != nil {
			t.Fatal(err)
		}
		if isRecovered(s, lost) {
			t.Error("recovered")
		}
	})
}
