package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

func TestConnectErrorsFollowProtocolVersion(t *testing.T) {
	h, url := newHub(t)
	refuse := func(ns string, err error) {
		h.Of(ns).On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error { return err }))
	}
	refuse("/plain", &hub.ClientError{Message: "not you"})
	refuse("/data", &hub.ClientError{Message: "not you", Data: sio.Data{JSON: []byte(`{"code":7}`)}})
	refuse("/wrapped", fmt.Errorf("checking: %w", &hub.ClientError{Message: "no"}))
	refuse("/fault", errors.New("the database is at 10.0.0.1"))
	h.Of("/panic").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error { panic("oh") }))

	tests := []struct{ namespace, v5, v4 string }{
		{"/nowhere", `44/nowhere,{"message":"Invalid namespace"}`, `44/nowhere,"Invalid namespace"`},
		{"/plain", `44/plain,{"message":"not you"}`, `44/plain,"not you"`},
		{"/data", `44/data,{"message":"not you","data":{"code":7}}`, `44/data,{"code":7}`},
		{"/wrapped", `44/wrapped,{"message":"no"}`, `44/wrapped,"no"`},
		{"/fault", `44/fault,{"message":"internal error"}`, `44/fault,"internal error"`},
	}
	c := dialClient(t, url, "4")
	old := dialClient(t, url, "3")
	old.wantPacket("40")
	for _, tt := range tests {
		c.sendPacket("40" + tt.namespace + ",")
		c.wantPacket(tt.v5)
		old.sendPacket("40" + tt.namespace + ",")
		old.wantPacket(tt.v4)
	}
	if got := len(h.Namespaces()); got != 6 {
		t.Errorf("%d namespaces", got) // "/" and the ones above
	}
	for _, ns := range h.Namespaces() {
		if ns.Name() != "/" && (ns.Len() != 0 || ns.Rooms() != 0) {
			t.Errorf("%s: %d sockets, %d rooms", ns.Name(), ns.Len(), ns.Rooms())
		}
	}
	c.sendPacket("40/panic,")
	c.wantClosed()
}

// Emits and joins of a connect handler take effect after the reply to the connect packet,
// and have no effect after a connect error.
func TestConnectHandlerEmitsAfterTheReply(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	ns.On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		s := ev.Socket
		_ = s.Join("lobby")
		_ = s.Emit("welcome", s.ID())
		_, _ = s.To("lobby").Emit("joined", s.Rooms())
		if string(s.Handshake().Auth.JSON) == `{"bad":true}` {
			return &hub.ClientError{Message: "bad"}
		}
		return nil
	}))
	handleSync(ns)
	first, id := joinNamespace(t, url, "/", "")
	first.wantPacket(`42["welcome","` + id + `"]`)

	refused := dialClient(t, url, "4")
	refused.sendPacket(`40{"bad":true}`)
	refused.wantPacket(`44{"message":"bad"}`)
	first.syncEvents("/")

	second, id := joinNamespace(t, url, "/", "")
	second.wantPacket(`42["welcome","` + id + `"]`)
	first.wantPacket(`42["joined",["` + id + `","lobby"]]`)
}

func TestOutageClosesConnection(t *testing.T) {
	h, url := newHub(t)
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		return &hub.Outage{Err: errors.New("backend is away")}
	}))
	c := dialClient(t, url, "4")
	c.sendPacket("40")
	if before := c.wantClosed(); len(before) != 0 {
		t.Errorf("got %q: a client does not come back after a connect error", before)
	}
}

func TestSecondConnectClosesConnection(t *testing.T) {
	h, url := newHub(t)
	c, id := joinNamespace(t, url, "/", "")
	s, _ := h.Of("/").Socket(id)
	c.sendPacket("40")
	c.wantClosed()
	receiveWithin(t, s.Done())

	old := dialClient(t, url, "3")
	old.wantPacket("40")
	old.sendPacket("40")
	old.wantPacket("40")
	if h.Of("/").Len() != 1 {
		t.Error("a second socket")
	}
}

// A client may disconnect while its connect event is handled: it gets no reply.
func TestDisconnectWhileConnectingGetsNoReply(t *testing.T) {
	h, url := newHub(t)
	handleSync(h.Of("/"))
	chat := h.Of("/chat")
	entered, release := make(chan struct{}), make(chan struct{})
	chat.On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		if _, slow := ev.Socket.Handshake().Auth.Lookup("slow"); slow {
			close(entered)
			<-release
		}
		return nil
	}))
	c, _ := joinNamespace(t, url, "/", "")
	c.sendPacket(`40/chat,{"slow":true}`)
	<-entered
	c.sendPacket(`42/chat,["too early"]`) // no official client sends it; the connection stays open
	c.sendPacket("41/chat,")
	c.sendPacket("40/chat,")
	if got := c.readPacket(); !strings.HasPrefix(got, `40/chat,{"sid":"`) {
		t.Fatalf("got %q", got)
	}
	close(release)
	c.syncEvents("/")
	if n := chat.Len(); n != 1 {
		t.Errorf("%d sockets", n)
	}
	for range 20 { // a socket may disconnect before it is connected
		c.sendPacket("41/chat,")
		c.sendPacket("40/chat,")
	}
	c.sendPacket("41/chat,")
	c.sendPacket(`420["sync"]`)
	for packet := ""; packet != "430[]"; {
		if packet = c.readPacket(); !strings.HasPrefix(packet, "40/chat,") && packet != "430[]" {
			t.Fatalf("got %q", packet)
		}
	}
}

// A client of Socket.IO 2 with a connect error of "/" connects to no namespace.
func TestOldClientConnectsToRootFirst(t *testing.T) {
	h, url := newHub(t)
	release := make(chan error)
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error { return <-release }))
	h.Of("/chat")

	good := dialClient(t, url, "3")
	good.sendPacket("40/chat,")
	release <- nil
	good.wantPacket("40")
	good.wantPacket("40/chat,")

	bad := dialClient(t, url, "3")
	bad.sendPacket("40/chat,")
	release <- &hub.ClientError{Message: "no"}
	bad.wantPacket(`44"no"`)
	if n := h.Of("/chat").Len(); n != 1 {
		t.Errorf("%d sockets", n)
	}
}

// The held connect packets of a client of Socket.IO 2 are bounded.
func TestHeldConnectsShareLimitOfAuth(t *testing.T) {
	h, url := newHub(t)
	release := make(chan error)
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error { return <-release }))
	for _, name := range []string{"/a", "/b", "/c"} {
		h.Of(name)
	}
	c := dialClient(t, url, "3")
	large := strings.Repeat("x", hub.MaxAuth*6/10)
	c.sendPacket("40/a?large=" + large + ",")
	c.sendPacket("40/b?large=" + large + ",")
	c.sendPacket("40/c,")
	c.wantPacket(`44/b,"Auth is too large"`)
	c.sendPacket("2") // the pong comes after the packets before were read
	c.wantPacket("3")
	release <- nil
	c.wantPacket("40")
	c.wantPacket("40/a,")
	c.wantPacket("40/c,")
}

func TestOldSocketIDHasNamespaceAndSessionID(t *testing.T) {
	h, url := newHub(t)
	h.Of("/chat")
	c := dialClient(t, url, "3")
	c.wantPacket("40")
	c.sendPacket("40/chat?token=abc,")
	c.wantPacket("40/chat,")
	ns, _ := h.Namespace("/chat")
	s, ok := ns.Socket("/chat#" + c.sid)
	if !ok || s.Handshake().Query().Get("token") != "abc" || s.Handshake().Query().Get("EIO") != "3" {
		t.Errorf("socket %v", s)
	}
	if _, ok := h.Of("/").Socket(c.sid); !ok {
		t.Error("no socket of the connection's id")
	}
}

func TestSocketIDsAreUnique(t *testing.T) {
	_, url := newHub(t)
	seen := make(map[string]bool)
	for range 20 {
		c, id := joinNamespace(t, url, "/", "")
		if len(id) != 20 || id == c.sid || strings.ContainsAny(id, "+/=") || seen[id] {
			t.Errorf("id %q", id)
		}
		seen[id] = true
	}
}

func TestTooManyNamespacesIsConnectError(t *testing.T) {
	h, url := newHub(t)
	c := dialClient(t, url, "4")
	for i := range hub.MaxNamespaces {
		name := fmt.Sprintf("/n%d", i)
		h.Of(name)
		c.joinNamespace(name, "")
	}
	h.Of("/last")
	c.sendPacket("40/last,")
	c.wantPacket(`44/last,{"message":"Too many namespaces"}`)
}

// A client may connect again before it has a reply: it sends no disconnect packet then.
func TestSecondConnectReplacesUnansweredOne(t *testing.T) {
	for _, version := range []string{"4", "3"} {
		h, url := newHub(t)
		handleSync(h.Of("/"))
		chat := h.Of("/chat")
		entered, release := make(chan *hub.Socket), make(chan error)
		chat.On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			entered <- ev.Socket
			return <-release
		}))
		c := dialClient(t, url, version)
		first, other := `40/chat,{"a":1}`, `40/chat,{"a":2}`
		if version == "4" {
			c.joinNamespace("/", "")
		} else {
			c.wantPacket("40")
			first, other = "40/chat?a=1,", "40/chat?a=2,"
		}
		c.sendPacket(first)
		replaced := receiveWithin(t, entered)
		c.sendPacket(first)
		c.syncEvents("/")
		c.sendPacket(other)
		replacing := receiveWithin(t, entered)
		c.sendPacket(other)
		c.syncEvents("/")
		release <- nil // in any order: only one of the two connects
		release <- nil
		if got := c.readPacket(); !strings.HasPrefix(got, "40/chat,") {
			t.Fatalf("got %q", got)
		}
		c.syncEvents("/")
		if n := chat.Len(); n != 1 {
			t.Errorf("%d sockets", n)
		}
		if _, ok := chat.Socket(replacing.ID()); !ok || string(replacing.Handshake().Auth.JSON) == string(replaced.Handshake().Auth.JSON) {
			t.Error("the first one is connected")
		}
	}
}

// The last connect packet of a client of Socket.IO 2 that waits for "/" applies.
func TestLastHeldConnectApplies(t *testing.T) {
	h, url := newHub(t)
	release := make(chan error)
	h.Of("/").On("connect", hub.HandlerFunc(func(context.Context, *hub.Event) error { return <-release }))
	handleSync(h.Of("/"))
	h.Of("/left")
	chat := h.Of("/chat")
	c := dialClient(t, url, "3")
	for _, packet := range []string{"40/left,", "40/chat?a=1,", "40/chat?a=2,", "41/left,"} {
		c.sendPacket(packet)
	}
	c.sendPacket("2") // the pong comes after the packets before were read
	c.wantPacket("3")
	release <- nil
	c.wantPacket("40")
	c.wantPacket("40/chat,")
	c.syncEvents("/")
	if s, ok := chat.Socket("/chat#" + c.sid); !ok || s.Handshake().Query().Get("a") != "2" {
		t.Errorf("socket %v", s)
	}
}
