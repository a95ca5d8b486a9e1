package hub_test

import (
	"context"
	"slices"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// named is a handler with a name.
type named struct {
	hub.HandlerFunc
	name string
}

func TestHandlersAreCountedByName(t *testing.T) {
	config := newAckingNamespace("/chat", "x")
	note := func(name string) hub.Handler {
		return named{func(context.Context, *hub.Event) error { return nil }, name}
	}
	config.Use = []hub.Handler{note("first")}
	config.Rules[0].Handlers = append([]hub.Handler{note("second"), note("second")}, config.Rules[0].Handlers...)
	c := hub.Config{
		Routes: []hub.RouteConfig{newRouteConfig("a", "/chat")}, Namespaces: []hub.NamespaceConfig{config},
		HandlerName: func(h hub.Handler) string {
			if n, ok := h.(named); ok {
				return n.name
			}
			return "other"
		},
	}
	s := newSite(t, c)
	client := dialClient(t, s.url+"/0/", "4")
	client.joinNamespace("/chat", "")
	for range 2 {
		client.sendPacket(`42/chat,1["who"]`)
		client.wantPacket(`43/chat,1["x"]`)
		s.reloadConfig(c) // the counts continue
	}
	s.Of("/chat").On("who", hub.HandlerFunc(func(context.Context, *hub.Event) error { return nil }))
	client.sendPacket(`42/chat,1["who"]`)
	client.wantPacket(`43/chat,1["x"]`)
	handleSync(s.Of("/chat"))
	client.syncEvents("/chat")

	got := make(map[string]uint64)
	for name, times := range s.Stats().HandlerTimes {
		got[name] = times.Count
		if times.Sum < int64(times.Count) || !slices.IsSorted(times.Counts) {
			t.Errorf("%s: %+v", name, times)
		}
	}
	if got["first"] != 4 || got["second"] != 6 || got["go"] == 0 {
		t.Errorf("got %v", got)
	}
	for _, ns := range s.Stats().Namespaces {
		if ns.Name == "/chat" && ns.InboxWaits.Count != 4 {
			t.Errorf("%d events waited", ns.InboxWaits.Count)
		}
	}
}
