package hub_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// isOnReader reports whether the caller's goroutine is the one that has read the event.
func isOnReader() bool { return strings.Contains(string(debug.Stack()), "(*client).Receive") }

// newCountedHub serves a hub, and returns its memory, too.
func newCountedHub(t *testing.T) (*hub.Hub, *hub.Memory, string) {
	t.Helper()
	memory := hub.NewMemory(0)
	h := hub.New(hub.Options{Name: "test", Memory: memory})
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		h.Close()
		s.Close()
	})
	return h, memory, "ws" + strings.TrimPrefix(s.URL, "http") + "/socket.io/"
}

// newQuickRule returns a rule with a handler that never waits.
func newQuickRule(event string, handle func(ev *hub.Event) error) hub.Rule {
	return hub.Rule{Events: []string{event}, Handlers: []hub.Handler{
		quickHandler{func(_ context.Context, ev *hub.Event) error { return handle(ev) }},
	}}
}

// ackPlace acknowledges where the event is handled.
func ackPlace(ev *hub.Event) error {
	if isOnReader() {
		return ev.Ack("in place")
	}
	return ev.Ack("elsewhere")
}

// A handler runs where its event was read if it says that it never waits, and if the same is
// true of all other handlers of the event.
func TestOnlyHandlersThatNeverWaitRunInPlace(t *testing.T) {
	t.Parallel()
	quick := newQuickRule("ask", ackPlace)
	waiting := hub.HandlerFunc(func(context.Context, *hub.Event) error { return nil })
	rules := func(all ...hub.Rule) []hub.NamespaceConfig { return []hub.NamespaceConfig{{Name: "/", Rules: all}} }
	with := func(change func(*hub.Rule)) hub.Rule {
		r := newQuickRule("ask", ackPlace)
		change(&r)
		return r
	}
	for name, test := range map[string]struct {
		config hub.Config
		listen string
		want   string
	}{
		"never waits":           {config: hub.Config{Namespaces: rules(quick)}, want: "in place"},
		"listener of another":   {config: hub.Config{Namespaces: rules(quick)}, listen: "other", want: "in place"},
		"listener may wait":     {config: hub.Config{Namespaces: rules(quick)}, listen: "ask", want: "elsewhere"},
		"one of two may wait":   {config: hub.Config{Namespaces: rules(with(func(r *hub.Rule) { r.Handlers = append(r.Handlers, waiting) }))}, want: "elsewhere"},
		"a plain handler":       {config: hub.Config{Namespaces: rules(hub.Rule{Events: []string{"ask"}, Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error { return ackPlace(ev) })}})}, want: "elsewhere"},
		"a parallel rule":       {config: hub.Config{Namespaces: rules(with(func(r *hub.Rule) { r.Parallel = 2 }))}, want: "elsewhere"},
		"use may wait":          {config: hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/", Rules: []hub.Rule{quick}, Use: []hub.Handler{waiting}}}}, want: "elsewhere"},
		"use never waits":       {config: hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/", Rules: []hub.Rule{quick}, Use: []hub.Handler{quickHandler{waiting}}}}}, want: "in place"},
		"a rule behind another": {config: hub.Config{Namespaces: rules(hub.Rule{Events: []string{"other"}, Handlers: []hub.Handler{waiting}}, quick)}, want: "in place"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, url := newHub(t)
			h.Configure(test.config)
			if test.listen != "" {
				h.Of("/").On(test.listen, waiting)
			}
			c, _ := joinNamespace(t, url, "/", "")
			for range 3 { // the first one may come while the connect event is handled
				c.sendPacket(`421["ask"]`)
				got := c.readPacket()
				if got == `431["elsewhere"]` && test.want == "in place" {
					continue
				}
				if got != `431["`+test.want+`"]` {
					t.Errorf("got %s, want %s", got, test.want)
				}
				return
			}
			t.Error("it never ran in place")
		})
	}
}

// Emits may wait for their offset in a recovery log that nodes share.
func TestSharedRecoveryLogKeepsEventsOffTheReader(t *testing.T) {
	t.Parallel()
	route := newRouteConfig("a", "/chat")
	route.Recovery = time.Minute
	s := newSite(t, hub.Config{
		Cluster: new(recorder), Routes: []hub.RouteConfig{route},
		Namespaces: []hub.NamespaceConfig{{Name: "/chat", Rules: []hub.Rule{newQuickRule("ask", ackPlace)}}},
	})
	c, _ := joinNamespace(t, s.url+"/0/", "/chat", "")
	for range 3 {
		c.sendPacket(`42/chat,1["ask"]`)
		c.wantPacket(`43/chat,1["elsewhere"]`)
	}
}

// An event behind one whose handler waits is handled in its turn.
func TestEventsStayInOrderBehindAWaitingOne(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	wait, started, release := blockingRule("wait", 0)
	configureRules(h, nil, wait, newQuickRule("ask", ackPlace))
	c, _ := joinNamespace(t, url, "/", "")
	for range 50 {
		c.sendPacket(`421["wait","w"]`)
		for i := range 3 {
			c.sendPacket(fmt.Sprintf(`42%d["ask"]`, 2+i))
		}
		receiveWithin(t, started)
		release <- struct{}{}
		c.wantPacket(`431["w"]`)
		for i := range 3 {
			if got := c.readPacket(); !strings.HasPrefix(got, fmt.Sprintf(`43%d["`, 2+i)) {
				t.Fatalf("got %s", got)
			}
		}
	}
}

// A handler that waits although it says that it never does delays its own client alone.
func TestBlockedHandlerOnReaderDelaysNoOther(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	blocked, release := make(chan struct{}, 1), make(chan struct{})
	ns := configureRules(h, nil, newQuickRule("block", func(ev *hub.Event) error {
		blocked <- struct{}{}
		<-release
		return ev.Ack(isOnReader())
	}), newQuickRule("ask", ackPlace))
	handleSync(ns)
	first, id := joinNamespace(t, url, "/", "")
	other, _ := joinNamespace(t, url, "/", "")
	first.syncEvents("/")
	first.sendPacket(`421["block"]`)
	first.sendPacket(`422["ask"]`)
	receiveWithin(t, blocked)
	other.syncEvents("/")
	if n, err := ns.To(id).Emit("meanwhile"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	first.wantPacket(`42["meanwhile"]`) // it is written to meanwhile
	close(release)
	first.wantPacket(`431[true]`)
	first.wantPacket(`432["in place"]`)
}

// The connection of a handler that panics is closed, and its disconnect is handled.
func TestPanicOnReaderClosesItsConnectionAlone(t *testing.T) {
	t.Parallel()
	left := make(chan string, 2)
	h, url := newHub(t)
	ns := configureRules(h, zap.NewNop(), newQuickRule("panic", func(ev *hub.Event) error {
		_ = ev.Ack(isOnReader())
		panic("as tested")
	}), newQuickRule("disconnect", func(ev *hub.Event) error {
		left <- ev.Socket.ID()
		return nil
	}))
	handleSync(ns)
	c, id := joinNamespace(t, url, "/", "")
	other, _ := joinNamespace(t, url, "/", "")
	c.syncEvents("/")
	c.sendPacket(`421["panic"]`)
	if got := c.wantClosed(); len(got) == 0 || got[0] != `431[true]` {
		t.Errorf("got %q before the close", got)
	}
	if got := receiveWithin(t, left); got != id {
		t.Errorf("%s has left, want %s", got, id)
	}
	other.syncEvents("/")
	if n := h.Stats().Panics; n != 1 {
		t.Errorf("%d panics are counted", n)
	}
}

// A handler on the reader emits to a room of its own socket, and then disconnects it.
func TestHandlerOnReaderDisconnectsItsOwnSocket(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	rooms, left := make(chan int, 1), make(chan struct{}, 1)
	ns := configureRules(h, nil, newQuickRule("bye", func(ev *hub.Event) error {
		s := ev.Socket
		if err := s.Join("lobby"); err != nil {
			return err
		}
		_, err := s.In("lobby").IncludeSender().Emit("all", isOnReader())
		_ = ev.ToSender().Emit("one")
		_ = ev.Ack("bye")
		s.Disconnect(false)
		return err
	}), newQuickRule("disconnecting", func(ev *hub.Event) error {
		rooms <- len(ev.Socket.Rooms())
		return nil
	}), newQuickRule("disconnect", func(*hub.Event) error {
		left <- struct{}{}
		return nil
	}))
	handleSync(ns)
	c, _ := joinNamespace(t, url, "/", "")
	c.syncEvents("/")
	c.sendPacket(`421["bye"]`)
	c.sendPacket(`422["bye"]`) // it is dropped
	for _, want := range []string{`42["all",true]`, `42["one"]`, `431["bye"]`, `41`} {
		c.wantPacket(want)
	}
	if n := receiveWithin(t, rooms); n != 2 {
		t.Errorf("it is in %d rooms while it disconnects", n)
	}
	receiveWithin(t, left)
	c.joinNamespace("/", "") // the connection goes on
	c.syncEvents("/")
}

// A client that sends many events at once gets their acknowledgements in order, and other
// clients are served meanwhile.
func TestFloodOfEventsInPlace(t *testing.T) {
	t.Parallel()
	const count = 3000
	h, memory, url := newCountedHub(t)
	configureRules(h, nil, newQuickRule("ask", func(ev *hub.Event) error {
		return ev.Ack(hub.Args(ev.Args))
	}))
	c, _ := joinNamespace(t, url, "/", "")
	other, _ := joinNamespace(t, url, "/", "")
	go func() {
		for i := range count {
			_ = c.conn.WriteMessage(1, fmt.Appendf(nil, `42%d["ask",%d]`, i, i))
		}
	}()
	for i := range count {
		if i%300 == 0 {
			other.sendPacket(`427["ask"]`)
			other.wantPacket(`437[]`)
		}
		c.wantPacket(fmt.Sprintf(`43%d[%d]`, i, i))
	}
	if used := memory.Usage()["inbound"]; used != 0 {
		t.Errorf("%d bytes of events are still charged", used)
	}
}

// A new config comes while an event is handled: it does not wait for the handler, and applies
// from the next event on.
func TestReloadWhileAnEventIsHandledInPlace(t *testing.T) {
	t.Parallel()
	h, url := newHub(t)
	began, release := make(chan struct{}, 1), make(chan struct{})
	rule := func(reply string, waits bool) hub.Rule {
		return newQuickRule("ask", func(ev *hub.Event) error {
			if waits {
				began <- struct{}{}
				<-release
			}
			return ev.Ack(reply)
		})
	}
	handleSync(configureRules(h, nil, rule("old", true)))
	c, _ := joinNamespace(t, url, "/", "")
	c.syncEvents("/")
	c.sendPacket(`421["ask"]`)
	c.sendPacket(`422["ask"]`)
	receiveWithin(t, began)
	configureRules(h, nil, rule("new", false))
	close(release)
	c.wantPacket(`431["old"]`)
	c.wantPacket(`432["new"]`)
}

// Handlers find the arguments of an event until they return, and the inbox has none then.
func TestEventInPlaceCountsAsOthersDo(t *testing.T) {
	t.Parallel()
	h, memory, url := newCountedHub(t)
	charged := make(chan int64, 1)
	ns := configureRules(h, nil, newQuickRule("keep", func(ev *hub.Event) error {
		charged <- memory.Usage()["inbound"]
		arg, _ := ev.Lookup("event.args.0")
		return ev.Ack(arg, sio.Data{JSON: []byte("1")})
	}))
	handleSync(ns)
	c, id := joinNamespace(t, url, "/", "")
	c.syncEvents("/")
	c.sendPacket(`421["keep","` + strings.Repeat("x", 5000) + `"]`)
	if n := receiveWithin(t, charged); n < 5000 {
		t.Errorf("%d bytes are charged while the event is handled", n)
	}
	c.wantPacket(`431["` + strings.Repeat("x", 5000) + `",1]`)
	found, err := h.Inspect(t.Context(), hub.InspectionQuery{ID: id})
	if err != nil || found == nil || found.LastEvent == nil || found.LastEvent.Name != "keep" || found.LastEvent.Rule != "keep" || found.Queues.Events != 0 {
		t.Errorf("got %+v, %v", found, err)
	}
}
