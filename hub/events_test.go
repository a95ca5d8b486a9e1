package hub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestEventsAreHandledInOrder(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	const n = 1000 // more than an inbox holds
	got := make(chan int, n)
	ns.On("count", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		var args []int
		if err := ev.Args.Decode(&args); err != nil {
			return err
		}
		got <- args[0]
		return nil
	}))
	c, _ := joinNamespace(t, url, "/", "")
	for i := range n {
		c.sendPacket(fmt.Sprintf(`42["count",%d]`, i))
	}
	for i := range n {
		if j := receiveWithin(t, got); j != i {
			t.Fatalf("got %d, want %d", j, i)
		}
	}
}

// A socket whose handler waits does not delay other sockets.
func TestSlowHandlerDelaysNoOtherSocket(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	handleSync(ns)
	release := make(chan struct{})
	ns.On("slow", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		<-release
		return nil
	}))
	slow, _ := joinNamespace(t, url, "/", "")
	slow.sendPacket(`42["slow"]`)
	quick, _ := joinNamespace(t, url, "/", "")
	quick.syncEvents("/")
	close(release)
	slow.syncEvents("/")
}

func TestHandlersAcknowledgeEventsOnce(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	on := func(name string, fn func(ev *hub.Event) error) {
		ns.On(name, hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error { return fn(ev) }))
	}
	on("values", func(ev *hub.Event) error { return ev.Ack(1, "two", []byte{3}) })
	on("twice", func(ev *hub.Event) error { return errors.Join(ev.Ack("first"), ev.Ack("second")) })
	on("refuse", func(*hub.Event) error { return &hub.ClientError{Message: "not allowed"} })
	on("fault", func(*hub.Event) error { return errors.New("secret") })
	on("after", func(ev *hub.Event) error { return errors.Join(ev.Ack("done"), &hub.ClientError{Message: "late"}) })
	on("no JSON", func(ev *hub.Event) error { _ = ev.Ack(func() {}); return nil })
	on("files", func(ev *hub.Event) error {
		err := ev.Ack(slices.Repeat([]any{[]byte{1}}, 11)...)
		return errors.Join(err, ev.Ack("again"))
	})
	handleSync(ns)
	c, _ := joinNamespace(t, url, "/", "")
	tests := []struct{ send, want string }{
		{`426["no JSON"]`, `436[{"error":"internal error"}]`},
		{`427["files"]`, `437[{"error":"internal error"}]`},
		{`421["values"]`, `461-1["1"]`},
		{`422["twice"]`, `432["first"]`},
		{`423["refuse"]`, `433[{"error":"not allowed"}]`},
		{`424["fault"]`, `434[{"error":"internal error"}]`},
		{`425["after"]`, `435["done"]`},
	}
	for _, tt := range tests {
		c.sendPacket(tt.send)
		if tt.send == `421["values"]` {
			c.wantPacket(`461-1[1,"two",{"_placeholder":true,"num":0}]`)
			c.wantPacket("\x03")
			continue
		}
		c.wantPacket(tt.want)
	}
	c.sendPacket(`42["values"]`) // without an acknowledgement
	c.syncEvents("/")
}

func TestEmitWithAckReturnsAcknowledgements(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	joinRoomsByAuth(ns)
	a, idA := joinNamespace(t, url, "/", `{"rooms":["a"]}`)
	b, _ := joinNamespace(t, url, "/", `{"rooms":["a"]}`)
	s, _ := ns.Socket(idA)

	type result struct {
		got []string
		err error
	}
	results := make(chan result, 1)
	go func() {
		answers, err := ns.To("a").Timeout(testTimeout).EmitWithAck(context.Background(), "ask", 1)
		r := result{err: err}
		for _, answer := range answers {
			r.got = append(r.got, answer.String())
		}
		results <- r
	}()
	a.wantPacket(`420["ask",1]`)
	b.wantPacket(`420["ask",1]`)
	a.sendPacket(`430["from a"]`)
	a.sendPacket(`430["again"]`)
	a.sendPacket(`4399["what?"]`)
	b.sendPacket(`430["from b",2]`)
	r := receiveWithin(t, results)
	slices.Sort(r.got)
	if r.err != nil || !slices.Equal(r.got, []string{`["from a"]`, `["from b",2]`}) {
		t.Errorf("got %+v", r)
	}

	one := make(chan error, 1)
	go func() {
		answer, err := s.Timeout(0).EmitWithAck(context.Background(), "ask")
		if answer.String() != "[true]" {
			err = fmt.Errorf("got %s, %w", answer, err)
		}
		one <- err
	}()
	a.wantPacket(`421["ask"]`)
	b.sendPacket(`431["forged"]`)
	b.syncEvents("/")
	a.sendPacket(`431[true]`)
	if err := receiveWithin(t, one); err != nil {
		t.Error(err)
	}
	if _, err := s.Timeout(time.Millisecond).EmitWithAck(t.Context(), "ask"); !errors.Is(err, hub.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if answers, err := ns.Timeout(time.Millisecond).EmitWithAck(t.Context(), "ask"); !errors.Is(err, hub.ErrTimeout) || len(answers) != 0 {
		t.Errorf("got %v, %v", answers, err)
	}
}

// The disconnect event of a socket is handled after the event whose handler waits for it.
func TestEmitWithAckInHandlerReturnsWhenSocketDisconnects(t *testing.T) {
	for name, leave := range map[string]func(*client){
		"connection": func(c *client) { c.conn.Close() },
		"namespace":  func(c *client) { c.sendPacket("41") },
	} {
		t.Run(name, func(t *testing.T) {
			h, url := newHub(t)
			failed := make(chan error, 1)
			h.Of("/").On("ask me", hub.HandlerFunc(func(ctx context.Context, ev *hub.Event) error {
				_, err := ev.Socket.Timeout(time.Hour).EmitWithAck(ctx, "ask")
				failed <- err
				return nil
			}))
			c, _ := joinNamespace(t, url, "/", "")
			c.sendPacket(`42["ask me"]`)
			c.wantPacket(`420["ask"]`)
			leave(c)
			if err := receiveWithin(t, failed); !errors.Is(err, hub.ErrDisconnected) {
				t.Errorf("got %v, want %v", err, hub.ErrDisconnected)
			}
		})
	}
}

func TestEmitWithAckReturnsWhenSocketDisconnects(t *testing.T) {
	h, url := newHub(t)
	c, id := joinNamespace(t, url, "/", "")
	s, _ := h.Of("/").Socket(id)
	gone := make(chan error, 1)
	go func() {
		_, err := s.Timeout(testTimeout).EmitWithAck(context.Background(), "ask")
		gone <- err
	}()
	c.wantPacket(`420["ask"]`)
	c.conn.Close()
	if err := receiveWithin(t, gone); !errors.Is(err, hub.ErrDisconnected) {
		t.Errorf("got %v", err)
	}
}

func TestReservedEventsAreErrors(t *testing.T) {
	h, _ := newHub(t)
	for _, name := range []string{"connect", "disconnect", "disconnecting", "connect_error", "newListener", "removeListener"} {
		if _, err := h.Of("/").Emit(name); !errors.Is(err, hub.ErrEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A packet that breaks the protocol closes its sender's connection, and no other.
func TestBadPacketsCloseConnection(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	handleSync(ns)
	h.Of("/chat")
	witness, _ := joinNamespace(t, url, "/", "")
	for _, packet := range []string{
		"4", "49", "42", "42[", "42{}", "42[]", "42[1", `42["a"`, `42[{}]`, `42/chat,["a"]`, "40", `44{"message":"x"}`,
		`451-["a",{"_placeholder":true,"num":3}]`, `4599-["a"]`, `42["connect"]`, `42["disconnecting"]`, "\xff",
	} {
		c, _ := joinNamespace(t, url, "/", "")
		c.sendPacket(packet)
		c.wantClosed()
	}
	witness.syncEvents("/")
}

// An acknowledgement for a disconnected socket logs no error.
func TestAckOfDisconnectedSocketLogsNoError(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	h := hub.New(hub.Options{Log: zap.New(core)})
	defer h.Close()
	server := httptest.NewServer(h)
	defer server.Close()
	ended := make(chan struct{})
	ns := h.Of("/")
	ns.On("leave", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		ev.Socket.Disconnect(false)
		return ev.Ack("too late")
	}))
	ns.On("disconnect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		close(ended)
		return nil
	}))
	c, _ := joinNamespace(t, "ws"+strings.TrimPrefix(server.URL, "http")+"/socket.io/", "/", "")
	c.sendPacket(`421["leave"]`)
	receiveWithin(t, ended)
	for _, entry := range logged.FilterLevelExact(zap.ErrorLevel).All() {
		t.Errorf("logged: %s %v", entry.Message, entry.ContextMap())
	}
}

func TestPanicOfHandlerClosesConnection(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	handleSync(ns)
	gone := make(chan string, 1)
	ns.On("disconnect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		gone <- ev.Reason
		return nil
	}))
	ns.On("boom", hub.HandlerFunc(func(context.Context, *hub.Event) error { panic("boom") }))
	witness, _ := joinNamespace(t, url, "/", "")
	c, _ := joinNamespace(t, url, "/", "")
	c.sendPacket(`42["boom"]`)
	c.wantClosed()
	if reason := receiveWithin(t, gone); reason != hub.ReasonForced {
		t.Errorf("reason %q", reason)
	}
	if n := h.Stats().Panics; n != 1 {
		t.Errorf("%d panics counted", n)
	}
	witness.syncEvents("/")
}

func TestDisconnectEventHasReason(t *testing.T) {
	h, url := newHub(t)
	ns := h.Of("/")
	handleSync(ns)
	reasons := make(chan string, 1)
	ns.On("disconnect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		reasons <- ev.Reason
		return nil
	}))
	tests := []struct {
		reason string
		end    func(c *client, s *hub.Socket)
	}{
		{hub.ReasonClientDisconnect, func(c *client, _ *hub.Socket) { c.sendPacket("41") }},
		{hub.ReasonServerDisconnect, func(_ *client, s *hub.Socket) { s.Disconnect(false) }},
		{hub.ReasonServerDisconnect, func(_ *client, s *hub.Socket) { s.Disconnect(true) }},
		{"transport close", func(c *client, _ *hub.Socket) { c.conn.Close() }},
		{"transport close", func(c *client, _ *hub.Socket) { c.sendPacket("1") }},
		{"transport error", func(c *client, _ *hub.Socket) { c.sendPacket("42[\"\xff\"]") }}, // no text
		{"transport error", func(c *client, _ *hub.Socket) { c.sendPacket("2") }},            // pings are the server's
		{"parse error", func(c *client, _ *hub.Socket) { c.sendPacket("9") }},
		{hub.ReasonForced, func(c *client, _ *hub.Socket) { c.sendPacket("42[") }},
		{hub.ReasonForcedServer, func(c *client, _ *hub.Socket) { c.sendPacket(`42/never-joined,["x"]`) }},
		{hub.ReasonShutdown, func(*client, *hub.Socket) { h.Close() }},
	}
	for _, tt := range tests {
		c, id := joinNamespace(t, url, "/", "")
		c.syncEvents("/")
		s, _ := ns.Socket(id)
		tt.end(c, s)
		if got := receiveWithin(t, reasons); got != tt.reason {
			t.Errorf("got %q, want %q", got, tt.reason)
		}
		<-s.Done()
	}
}
