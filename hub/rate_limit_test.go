package hub_test

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
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
