package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// newHistoryConfig returns a config whose sockets join rooms with their history: the rooms
// of their auth when they connect, and the ones of the event join.
func newHistoryConfig(limit int, recovery time.Duration, history ...hub.History) hub.Config {
	route := newRouteConfig("a", "/*")
	route.Recovery = recovery
	join := func(ev *hub.Event, from sio.Data) error {
		var names []string
		if len(from.JSON) > 0 {
			if err := from.Decode(&names); err != nil {
				return err
			}
		}
		return ev.JoinWithHistory(limit, names...)
	}
	return hub.Config{Routes: []hub.RouteConfig{route}, Namespaces: []hub.NamespaceConfig{{
		Name: "/*", History: history,
		Rules: []hub.Rule{
			{Events: []string{"connect"}, Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
				names, _ := ev.Socket.Handshake().Auth.Lookup("rooms")
				return join(ev, names)
			})}},
			{Events: []string{"join"}, AllowIDs: true, Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
				if err := join(ev, ev.Args); err != nil {
					return err
				}
				return ev.Ack()
			})}},
			{Events: []string{"leave"}, Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
				ev.Socket.Leave("r", "s")
				return ev.Ack()
			})}},
		},
	}}}
}

// wantKept makes a client join rooms, and compares the events that it gets by that.
func (c *client) wantKept(rooms string, events ...string) {
	c.t.Helper()
	c.sendPacket(`42/x,9["join",` + rooms + `]`)
	for _, event := range events {
		c.wantPacket(event)
	}
	c.wantPacket("43/x,9[]")
}

// Each emit reaches a joining socket once: kept before the join, or live after it, in order.
func TestJoinerGetsKeptThenLiveEvents(t *testing.T) {
	const emitters, events, joiners, keep = 3, 150, 8, 40
	tests := map[string]struct {
		onConnect bool
		limit     int
		recovery  time.Duration
	}{
		"event":                  {},
		"event with max":         {limit: 1000},
		"connect":                {onConnect: true},
		"connect with max":       {onConnect: true, limit: 1000},
		"connect with recovery":  {onConnect: true, recovery: time.Minute},
		"event with recovery":    {recovery: time.Minute},
		"connect, max, recovery": {onConnect: true, limit: 1000, recovery: time.Minute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, newHistoryConfig(test.limit, test.recovery, hub.History{Rooms: []string{"r"}, Keep: keep}))
			ns := s.Of("/x")
			var emits, work sync.WaitGroup
			for emitter := range emitters {
				emits.Go(func() {
					for i := range events {
						if _, err := ns.To("r").Emit("m", emitter, i, "last"); err != nil {
							t.Error(err)
						}
					}
				})
			}
			for range joiners {
				work.Go(func() { checkSuffixes(t, s.url+"/0/", test.onConnect, emitters, events) })
			}
			emits.Wait()
			_, _ = ns.To("r").Emit("end")
			work.Wait()
			if test.limit > 0 && ns.Len() > test.limit {
				t.Error(ns.Len())
			}
		})
	}
}

// checkSuffixes joins the room, and checks that the events of each emitter come without a gap
// from the first one that it gets to the last one.
func checkSuffixes(t *testing.T, url string, onConnect bool, emitters, events int) {
	c := dialClient(t, url, "4")
	if onConnect {
		c.joinNamespace("/x", `{"rooms":["r"]}`)
	} else {
		c.joinNamespace("/x", "")
		c.sendPacket(`42/x,["join","r"]`)
	}
	next := make([]int, emitters)
	for {
		text, err := c.readNext()
		if err != nil {
			t.Error(err)
			return
		}
		var event []any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "42/x,")), &event); err != nil {
			t.Errorf("%q: %v", text, err)
			return
		}
		if event[0] == "end" {
			for emitter, n := range next {
				if n != 0 && n != events {
					t.Errorf("emitter %d: the last event is %d", emitter, n-1)
				}
			}
			return
		}
		emitter, i := int(event[1].(float64)), int(event[2].(float64))
		if next[emitter] != 0 && i != next[emitter] {
			t.Errorf("emitter %d: got %d, want %d", emitter, i, next[emitter])
			return
		}
		next[emitter] = i + 1
	}
}

func TestHistoryKeepsEmitsToMatchingRooms(t *testing.T) {
	s := newSite(t, newHistoryConfig(0, 0,
		hub.History{Rooms: []string{"s"}, Events: []string{"note*"}},
		hub.History{Rooms: []string{"*"}, Keep: 3}))
	ns := s.Of("/x")
	first, id := joinNamespace(t, s.url+"/0/", "/x", `{"rooms":["q"]}`)
	emit := func(b hub.Broadcast, event string, args ...any) {
		t.Helper()
		if _, err := b.Emit(event, args...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		emit(ns.To("r"), "m", i)
	}
	emit(ns.To("r", "s", "r"), "note", []byte{1, 2})
	emit(ns.To("s"), "other")
	emit(ns.To("r").Volatile(), "volatile")
	emit(ns.To("r").Except("q"), "excepted")
	emit(ns.To("r").Except(id), "sender excepted")
	emit(ns.To(id), "for one")
	emit(ns.All(), "for all")
	first.wantPacket(`42/x,["for one"]`)
	first.wantPacket(`42/x,["for all"]`)

	c, _ := joinNamespace(t, s.url+"/0/", "/x", "")
	binary := []string{`451-/x,["note",{"_placeholder":true,"num":0}]`, "\x01\x02"}
	kept := []string{`42/x,["m",4]`, binary[0], binary[1], `42/x,["sender excepted"]`}
	c.wantKept(`"r","s"`, kept...)
	c.wantKept(`"r","s"`) // it is in the rooms
	c.sendPacket(`42/x,9["leave"]`)
	c.wantPacket("43/x,9[]")
	c.wantKept(`"s"`, binary...)
	c.wantKept(`"` + id + `","` + "q" + `"`) // the room of an id is never kept
}

func TestHistoryKeepsEmitsOfOtherNodes(t *testing.T) {
	s := newSite(t, newHistoryConfig(0, 0, hub.History{Rooms: []string{"r"}}))
	data, _ := sio.Marshal([]string{"m", "hello"})
	hub.NodeOf(s.Of("/x")).Apply(cluster.Emit{Target: rooms.Target{In: []string{"r"}}, Data: data})
	c, _ := joinNamespace(t, s.url+"/0/", "/x", `{"rooms":["r"]}`)
	c.wantPacket(`42/x,["m","hello"]`)
}

func TestHistoryFollowsReload(t *testing.T) {
	s := newSite(t, newHistoryConfig(0, 0, hub.History{Rooms: []string{"r"}}))
	ns := s.Of("/x")
	for i := range 9 {
		_, _ = ns.To("r").Emit("m", i)
	}
	s.reloadConfig(newHistoryConfig(0, 0, hub.History{Rooms: []string{"r"}, Keep: 2}))
	c, _ := joinNamespace(t, s.url+"/0/", "/x", "")
	c.wantKept(`"r"`, `42/x,["m",7]`, `42/x,["m",8]`)
	s.reloadConfig(newHistoryConfig(0, 0))
	_, _ = ns.To("r").Emit("m", 9)
	c.wantPacket(`42/x,["m",9]`)
	s.reloadConfig(newHistoryConfig(0, 0, hub.History{Rooms: []string{"r"}}))
	other, _ := joinNamespace(t, s.url+"/0/", "/x", "")
	other.wantKept(`"r"`)
}

// A namespace that only a glob names ends with its last socket, and so does its history.
func TestHistoryEndsWithNamespace(t *testing.T) {
	s := newSite(t, newHistoryConfig(0, 0, hub.History{Rooms: []string{"r"}}))
	c, _ := joinNamespace(t, s.url+"/0/", "/x", `{"rooms":["r"]}`)
	ns, _ := s.Namespace("/x")
	_, _ = ns.To("r").Emit("m")
	c.wantPacket(`42/x,["m"]`)
	socket := s.Of("/y") // made by a Go program: it stays
	_, _ = socket.To("r").Emit("m")
	gone := c.disconnected(ns)
	receiveWithin(t, gone)
	c.joinNamespace("/x", `{"rooms":["r"]}`)
	c.wantKept(`"r"`)
	c.sendPacket(`40/y,{"rooms":["r"]}`)
	c.readPacket()
	c.wantPacket(`42/y,["m"]`)
}

// disconnected disconnects the client from a namespace. The channel is closed when the
// namespace is removed.
func (c *client) disconnected(ns *hub.Namespace) <-chan struct{} {
	removed := make(chan struct{})
	c.sendPacket("41" + ns.Name() + ",")
	go func() {
		defer close(removed)
		for {
			if now, exists := ns.Hub().Namespace(ns.Name()); !exists || now != ns {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return removed
}

// Kept events take at most half of a client's queue, the newest ones.
func TestHistoryLeavesHalfOfQueue(t *testing.T) {
	config := newHistoryConfig(0, 0, hub.History{Rooms: []string{"*"}})
	config.Routes[0].Engine.MaxQueue = 100_000
	s := newSite(t, config)
	text := strings.Repeat("x", 9_000)
	for i := range 20 {
		_, _ = s.Of("/x").To(fmt.Sprint("r", i%2)).Emit("m", i, text)
	}
	c, _ := joinNamespace(t, s.url+"/0/", "/x", `{"rooms":["r0","r1"]}`)
	for _, i := range []int{10, 12, 14, 16, 18} {
		if got := c.readPacket(); !strings.HasPrefix(got, fmt.Sprintf(`42/x,["m",%d,`, i)) {
			t.Errorf("got %.20s, want %d", got, i)
		}
	}
	c.sendPacket(`42/x,9["join"]`)
	c.wantPacket("43/x,9[]")
}

// A client with recovery takes the last text of an event for its offset.
func TestKeptEventHasOffsetOfNewest(t *testing.T) {
	s := newSite(t, newHistoryConfig(0, time.Minute, hub.History{Rooms: []string{"r"}}))
	ns := s.Of("/x")
	live, _ := joinNamespace(t, s.url+"/0/", "/x", `{"rooms":["other"]}`)
	_, _ = ns.To("r").Emit("m", "kept")
	_, _ = ns.To("other").Emit("m", "live")
	var event []string
	live.parseJSON(strings.TrimPrefix(live.readPacket(), "42/x,"), &event)
	newest := event[2]
	c, _ := joinNamespace(t, s.url+"/0/", "/x", `{"rooms":["r"]}`)
	c.wantPacket(`42/x,["m","kept","` + newest + `"]`)
}
