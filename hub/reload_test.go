package hub_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/gorilla/websocket"
)

// A removed route refuses new clients.
func TestRemovedRouteRefusesClients(t *testing.T) {
	s := newSite(t, hub.Config{Routes: []hub.RouteConfig{newRouteConfig("a"), newRouteConfig("b")}})
	a, _ := joinNamespace(t, s.url+"/0/", "/", "")
	next := s.Configure(hub.Config{Routes: []hub.RouteConfig{newRouteConfig("b")}})
	s.gen.Release() // the site still serves the old routes
	t.Cleanup(next.Release)
	a.wantClosed()
	_, response, err := websocket.DefaultDialer.Dial(s.url+"/0/?transport=websocket&EIO=4", nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %v, %v", response, err)
	}
	joinNamespace(t, s.url+"/1/", "/", "")
}

// A socket whose connect event is handled while its namespace is removed is disconnected.
func TestNamespaceRemovedWhileConnecting(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	slow := hub.NamespaceConfig{Name: "/chat", Rules: []hub.Rule{{
		Events: []string{"connect"},
		Handlers: []hub.Handler{hub.HandlerFunc(func(context.Context, *hub.Event) error {
			close(began)
			<-release
			return nil
		})},
	}}}
	s := newSite(t, hub.Config{Routes: []hub.RouteConfig{newRouteConfig("a", "/chat"), newRouteConfig("gone")}, Namespaces: []hub.NamespaceConfig{slow}})
	swept, _ := joinNamespace(t, s.url+"/1/", "/", "")
	c := dialClient(t, s.url+"/0/", "4")
	c.sendPacket("40/chat,")
	receiveWithin(t, began)
	s.reloadConfig(hub.Config{Routes: []hub.RouteConfig{newRouteConfig("a")}})
	swept.wantClosed()
	close(release)
	if got := c.readPacket(); !strings.HasPrefix(got, "40/chat,") {
		t.Error(got)
	}
	c.wantPacket("41/chat,")
}

// A glob of a route opens no namespaces of other routes.
func TestGlobOfRouteKeepsToItsNamespaces(t *testing.T) {
	s := newSite(t, hub.Config{
		Routes:     []hub.RouteConfig{newRouteConfig("a", "/*"), newRouteConfig("b", "/admin")},
		Namespaces: []hub.NamespaceConfig{newAckingNamespace("/*", "any"), newAckingNamespace("/admin", "admin")},
	})
	c := dialClient(t, s.url+"/0/", "4")
	c.joinNamespace("/x", "")
	c.sendPacket("40/admin,")
	c.wantPacket(`44/admin,{"message":"Invalid namespace"}`)
	joinNamespace(t, s.url+"/1/", "/admin", "")
}
