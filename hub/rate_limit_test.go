package hub_test

import (
	"context"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestRateLimitDropsEvents(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	r := newRouteConfig("r", "/chat")
	r.Engine.PacketRate = hub.Rate{PerSecond: 1e-9, Burst: 3}
	c := hub.Config{Log: zap.New(core), Routes: []hub.RouteConfig{r}, Namespaces: []hub.NamespaceConfig{newAckingNamespace("/chat", "me")}}
	s := newSite(t, c)
	a, _ := joinNamespace(t, s.url+"/0/", "/chat", "") // counts as one of the burst of three
	for _, want := range []string{`["me"]`, `["me"]`, `[{"error":"rate limit exceeded"}]`, `[{"error":"rate limit exceeded"}]`} {
		a.sendPacket(`42/chat,1["who"]`)
		a.wantPacket(`43/chat,1` + want)
	}
	a.sendPacket(`42/chat,["who"]`)
	a.sendPacket("40/other,")
	a.wantPacket(`44/other,{"message":"rate limit exceeded"}`)
	if got := s.Stats().Limited["connection"]; got != 4 {
		t.Errorf("%d were counted, want 4", got)
	}
	logged := logs.FilterMessage("rate limit exceeded").All()
	if len(logged) != 1 || logged[0].ContextMap()["namespace"] != "/chat" || logged[0].ContextMap()["event"] != "who" {
		t.Errorf("logged %v, want the first", logged)
	}
	// Each connection has its own limit. A new config replaces it.
	b, _ := joinNamespace(t, s.url+"/0/", "/chat", "")
	b.sendPacket(`42/chat,1["who"]`)
	b.wantPacket(`43/chat,1["me"]`)
	c.Routes[0].Engine.PacketRate = hub.Rate{}
	s.reloadConfig(c)
	a.sendPacket(`42/chat,1["who"]`)
	a.wantPacket(`43/chat,1["me"]`)
}

// withRate returns a namespace's config with a rate for its first rule.
func withRate(ns hub.NamespaceConfig, rate hub.Rate) hub.NamespaceConfig {
	ns.Rules[0].Rate = rate
	return ns
}

func TestRateOfRuleIsPerConnectionAndNamespace(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	rate := hub.Rate{PerSecond: 1e-9, Burst: 2}
	limited, other := withRate(newAckingNamespace("/chat", "me"), rate), withRate(newAckingNamespace("/other", "me"), rate)
	free := newAckingNamespace("/chat", "free").Rules[0]
	free.Events = []string{"free"}
	limited.Rules = append(limited.Rules, free)
	c := hub.Config{
		Log: zap.New(core), Routes: []hub.RouteConfig{newRouteConfig("r", "/chat", "/other")},
		Namespaces: []hub.NamespaceConfig{limited, other},
	}
	s := newSite(t, c)
	a, _ := joinNamespace(t, s.url+"/0/", "/chat", "")
	for _, want := range []string{`["me"]`, `["me"]`, `[{"error":"rate limit exceeded"}]`, `[{"error":"rate limit exceeded"}]`} {
		a.sendPacket(`42/chat,1["who"]`)
		a.wantPacket(`43/chat,1` + want)
	}
	a.sendPacket(`42/chat,1["free"]`)
	a.wantPacket(`43/chat,1["free"]`)
	// A client that leaves and comes back gets no new bucket.
	a.sendPacket("41/chat,")
	a.joinNamespace("/chat", "")
	a.sendPacket(`42/chat,1["who"]`)
	a.wantPacket(`43/chat,1[{"error":"rate limit exceeded"}]`)
	if got := s.Stats().Limited["rule"]; got != 3 {
		t.Errorf("%d were counted, want 3", got)
	}
	if n := logs.FilterMessage("rate limit exceeded").Len(); n != 1 {
		t.Errorf("logged %d times", n)
	}
	// Another namespace of the connection, and another connection, have their own.
	a.joinNamespace("/other", "")
	a.sendPacket(`42/other,1["who"]`)
	a.wantPacket(`43/other,1["me"]`)
	b, _ := joinNamespace(t, s.url+"/0/", "/chat", "")
	b.sendPacket(`42/chat,1["who"]`)
	b.wantPacket(`43/chat,1["me"]`)
	// A new config begins with full buckets.
	s.reloadConfig(c)
	a.sendPacket(`42/chat,1["who"]`)
	a.wantPacket(`43/chat,1["me"]`)
}

// emitToRooms returns a config for the namespace "/". Its clients emit the event "to" with a
// text, and the names of rooms.
func emitToRooms(target string, rates ...hub.RoomRate) hub.NamespaceConfig {
	return hub.NamespaceConfig{Name: "/", RoomRates: rates, Rules: []hub.Rule{{
		Events: []string{"to"},
		Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			text, _ := ev.Lookup("event.args.0")
			rooms, _ := ev.Lookup("event.args.1")
			err := ev.AllowEmit(ev.Namespace().Hub().Of(target), strings.Fields(rooms.Text()), hub.Args(sio.Array(text)))
			if err == nil {
				err = ev.Ack("done")
			}
			return err
		})},
	}}}
}

func TestRateOfRoomIsSharedByClients(t *testing.T) {
	rate := hub.Rate{PerSecond: 1e-9, Burst: 2}
	ns := emitToRooms("/", hub.RoomRate{Rooms: []string{"room:free"}}, hub.RoomRate{Rooms: []string{"room:*", "lobby"}, Events: rate})
	s := newSite(t, hub.Config{Routes: []hub.RouteConfig{newRouteConfig("r")}, Namespaces: []hub.NamespaceConfig{ns}})
	a, _ := joinNamespace(t, s.url+"/0/", "/", "")
	b, _ := joinNamespace(t, s.url+"/0/", "/", "")
	const done, refused = `["done"]`, `[{"error":"rate limit exceeded"}]`
	for _, step := range []struct {
		client      *client
		rooms, want string
	}{
		{a, "room:1", done},
		{b, "room:1", done},
		{a, "room:1", refused},
		{b, "room:1", refused},
		{b, "room:2 room:1", refused}, // takes nothing of room:2
		{a, "room:2", done},
		{a, "room:2", done},
		{a, "room:2", refused},
		{a, "lobby lobby", done},
		{a, "lobby", refused},
		{a, "room:free room:free room:free", done},
		{a, "room:free other", done},
		{a, "", done},
		{a, "room:" + strings.Repeat("x", hub.MaxRoomName), done},
	} {
		step.client.sendPacket(`421["to","hello","` + step.rooms + `"]`)
		if got := step.client.readPacket(); got != "431"+step.want {
			t.Errorf("to %.50s: got %s, want %s", step.rooms, got, step.want)
		}
	}
	if got := s.Stats().Limited["room"]; got != 5 {
		t.Errorf("%d were counted, want 5", got)
	}
	// The limits stay as they are used when a new config does not change them.
	s.reloadConfig(hub.Config{Routes: []hub.RouteConfig{newRouteConfig("r")}, Namespaces: []hub.NamespaceConfig{ns}})
	a.sendPacket(`421["to","hello","room:1"]`)
	a.wantPacket("431" + refused)
}

func TestRateOfRoomCountsBytes(t *testing.T) {
	ns := emitToRooms("/other", hub.RoomRate{Rooms: []string{"*"}, Bytes: hub.Rate{PerSecond: 1e-9, Burst: 1}})
	other := hub.NamespaceConfig{Name: "/other", RoomRates: []hub.RoomRate{{
		Rooms: []string{"*"}, Bytes: hub.Rate{PerSecond: 1e-9, Burst: 30},
	}}}
	s := newSite(t, hub.Config{Routes: []hub.RouteConfig{newRouteConfig("r")}, Namespaces: []hub.NamespaceConfig{ns, other}})
	a, _ := joinNamespace(t, s.url+"/0/", "/", "")
	for _, want := range []string{`["done"]`, `["done"]`, `[{"error":"rate limit exceeded"}]`} {
		a.sendPacket(`421["to","eleven here","room"]`) // 15 bytes with quotes and brackets
		a.wantPacket("431" + want)
	}
	// One emit may be larger than the burst.
	a.sendPacket(`421["to","` + strings.Repeat("x", 100) + `","room2"]`)
	a.wantPacket(`431["done"]`)
	a.sendPacket(`421["to","","room2"]`)
	a.wantPacket(`431[{"error":"rate limit exceeded"}]`)
	if got := s.Stats().Limited["room_bytes"]; got != 2 {
		t.Errorf("%d were counted, want 2", got)
	}
}

func TestMaxSocketsRefusesMoreSockets(t *testing.T) {
	ns := newAckingNamespace("/chat", "me")
	ns.MaxSockets = 2
	c := hub.Config{Routes: []hub.RouteConfig{newRouteConfig("r", "/chat")}, Namespaces: []hub.NamespaceConfig{ns}}
	s := newSite(t, c)
	a, id := joinNamespace(t, s.url+"/0/", "/chat", "")
	joinNamespace(t, s.url+"/0/", "/chat", "")
	full := dialClient(t, s.url+"/0/", "4")
	full.sendPacket("40/chat,")
	full.wantPacket(`44/chat,{"message":"Too many sockets"}`)
	full.joinNamespace("/", "") // the connection stays
	for _, counted := range s.Stats().Namespaces {
		if counted.Name == "/chat" && (counted.Refused != 1 || counted.Connected != 2) {
			t.Errorf("counted %+v", counted)
		}
	}
	// A socket that disconnects makes room.
	socket, _ := s.Of("/chat").Socket(id)
	a.sendPacket("41/chat,")
	receiveWithin(t, socket.Done())
	full.sendPacket("40/chat,")
	for { // until the place is free
		if got := full.readPacket(); got != `44/chat,{"message":"Too many sockets"}` {
			break
		}
		full.sendPacket("40/chat,")
	}
}
