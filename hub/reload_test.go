package hub_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/gorilla/websocket"
)

// A route that is gone takes no client that is late.
func TestRemovedRouteRefuses(t *testing.T) {
	s := newSite(t, hub.Config{Routes: []hub.RouteConfig{route("a"), route("b")}})
	a, _ := join(t, s.url+"/0/", "/", "")
	next := s.Configure(hub.Config{Routes: []hub.RouteConfig{route("b")}})
	s.gen.Release() // the site serves the old routes still
	t.Cleanup(next.Release)
	a.wantClosed()
	_, response, err := websocket.DefaultDialer.Dial(s.url+"/0/?transport=websocket&EIO=4", nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %v, %v", response, err)
	}
	join(t, s.url+"/1/", "/", "")
}

// A socket whose connect event is handled while its namespace is removed does not
// stay.
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
	s := newSite(t, hub.Config{Routes: []hub.RouteConfig{route("a", "/chat"), route("gone")}, Namespaces: []hub.NamespaceConfig{slow}})
	swept, _ := join(t, s.url+"/1/", "/", "")
	c := dial(t, s.url+"/0/", "4")
	c.send("40/chat,")
	await(t, began)
	s.reload(hub.Config{Routes: []hub.RouteConfig{route("a")}})
	swept.wantClosed()
	close(release)
	if got := c.read(); !strings.HasPrefix(got, "40/chat,") {
		t.Error(got)
	}
	c.want("41/chat,")
}

// A glob of one route does not lead into the namespaces of another one.
func TestRoutesServeTheirOwn(t *testing.T) {
	s := newSite(t, hub.Config{
		Routes:     []hub.RouteConfig{route("a", "/*"), route("b", "/admin")},
		Namespaces: []hub.NamespaceConfig{answering("/*", "any"), answering("/admin", "admin")},
	})
	c := dial(t, s.url+"/0/", "4")
	c.join("/x", "")
	c.send("40/admin,")
	c.want(`44/admin,{"message":"Invalid namespace"}`)
	join(t, s.url+"/1/", "/admin", "")
}
