package hub_test

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// site serves the routes of a hub, each under its number.
type site struct {
	*hub.Hub
	url string
	gen *hub.Generation
}

func newSite(t *testing.T, c hub.Config) *site {
	t.Helper()
	return newLimitedSite(t, 0, c)
}

// newLimitedSite returns a site with a memory limit; 0 means none.
func newLimitedSite(t *testing.T, limit int64, c hub.Config) *site {
	t.Helper()
	s := &site{Hub: hub.New(hub.Options{Memory: hub.NewMemory(limit)})}
	s.gen = s.Configure(c)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(r.URL.Path[1] - '0')
		s.Serve(s.gen.Routes()[i], &engine.Request{W: w, R: r, Address: cmp.Or(r.URL.Query().Get("address"), "192.0.2.1")})
	}))
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	s.url = "ws" + strings.TrimPrefix(server.URL, "http")
	return s
}

func (s *site) reloadConfig(c hub.Config) {
	next := s.Configure(c)
	s.gen.Release()
	s.gen = next
}

func newRouteConfig(place string, namespaces ...string) hub.RouteConfig {
	c := hub.DefaultRoute()
	c.Place, c.Fingerprint, c.Namespaces = place, place, append([]string{}, namespaces...)
	return c
}

// newAckingNamespace returns the config of a namespace in which one event is acknowledged
// with a word.
func newAckingNamespace(name, word string) hub.NamespaceConfig {
	return hub.NamespaceConfig{Name: name, Rules: []hub.Rule{{
		Events: []string{"who"},
		Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			return ev.Ack(word)
		})},
	}}}
}

func TestReloadKeepsSockets(t *testing.T) {
	s := newSite(t, hub.Config{
		Routes:     []hub.RouteConfig{newRouteConfig("a", "/chat")},
		Namespaces: []hub.NamespaceConfig{newAckingNamespace("/chat", "old")},
	})
	c, id := joinNamespace(t, s.url+"/0/", "/chat", "")
	c.sendPacket(`42/chat,1["who"]`)
	c.wantPacket(`43/chat,1["old"]`)
	ns, _ := s.Namespace("/chat")
	socket, _ := ns.Socket(id)
	if err := socket.Join("lobby"); err != nil {
		t.Fatal(err)
	}

	s.reloadConfig(hub.Config{
		Routes:     []hub.RouteConfig{newRouteConfig("b", "/other"), newRouteConfig("a", "/chat")},
		Namespaces: []hub.NamespaceConfig{newAckingNamespace("/chat", "new"), newAckingNamespace("/other", "x")},
	})
	c.sendPacket(`42/chat,2["who"]`)
	c.wantPacket(`43/chat,2["new"]`)
	if n, _ := ns.To("lobby").Emit("news"); n != 1 {
		t.Error("the socket has left its room")
	}
	c.wantPacket(`42/chat,["news"]`)
}

func TestReloadRemovesNamespace(t *testing.T) {
	both := hub.Config{
		Routes:     []hub.RouteConfig{newRouteConfig("a", "/chat", "/org-*")},
		Namespaces: []hub.NamespaceConfig{newAckingNamespace("/chat", "old"), newAckingNamespace("/org-*", "org")},
	}
	s := newSite(t, both)
	c := dialClient(t, s.url+"/0/", "4")
	c.joinNamespace("/", "")
	c.joinNamespace("/chat", "")
	c.joinNamespace("/org-1", "")
	s.reloadConfig(hub.Config{Routes: []hub.RouteConfig{newRouteConfig("a", "/org-*")}, Namespaces: []hub.NamespaceConfig{newAckingNamespace("/org-*", "org")}})
	c.wantPacket("41/chat,")
	c.sendPacket("40/chat,")
	c.wantPacket(`44/chat,{"message":"Invalid namespace"}`)
	c.sendPacket(`42/org-1,1["who"]`)
	c.wantPacket(`43/org-1,1["org"]`)
}

func TestReloadRemovesRoute(t *testing.T) {
	s := newSite(t, hub.Config{Routes: []hub.RouteConfig{newRouteConfig("a"), newRouteConfig("b")}})
	a, _ := joinNamespace(t, s.url+"/0/", "/", "")
	b, _ := joinNamespace(t, s.url+"/1/", "/", "")
	handleSync(s.Of("/"))
	s.reloadConfig(hub.Config{Routes: []hub.RouteConfig{newRouteConfig("b")}})
	a.wantClosed()
	b.syncEvents("/")
}

// A config that is released without use changes nothing.
func TestFailedReloadKeepsSockets(t *testing.T) {
	s := newSite(t, hub.Config{
		Routes:     []hub.RouteConfig{newRouteConfig("a", "/chat")},
		Namespaces: []hub.NamespaceConfig{newAckingNamespace("/chat", "old")},
	})
	c, _ := joinNamespace(t, s.url+"/0/", "/chat", "")
	s.Configure(hub.Config{Routes: []hub.RouteConfig{newRouteConfig("z")}}).Release()
	c.sendPacket(`42/chat,1["who"]`)
	c.wantPacket(`43/chat,1["old"]`)
}

// A reload closes the connections that the new site of their route does not cover, and no
// others. The release of a failed config closes the connections that only it covers.
func TestReloadClosesConnectionsOutsideTheSite(t *testing.T) {
	covering := func(paths ...string) hub.Config {
		c := newRouteConfig("a")
		c.Covers = func(opening *engine.Handshake) bool {
			path, _, _ := strings.Cut(opening.URL, "?")
			return slices.Contains(paths, path)
		}
		return hub.Config{Routes: []hub.RouteConfig{c}}
	}
	s := newSite(t, covering("/0/1", "/0/2"))
	handleSync(s.Of("/"))
	one, _ := joinNamespace(t, s.url+"/0/1", "/", "")
	two, _ := joinNamespace(t, s.url+"/0/2", "/", "")
	failing := s.Configure(covering("/0/1", "/0/3"))
	three, _ := joinNamespace(t, s.url+"/0/3", "/", "")
	two.syncEvents("/")
	failing.Release()
	three.wantClosed()
	two.syncEvents("/")
	s.reloadConfig(covering("/0/1"))
	two.wantClosed()
	one.syncEvents("/")
}

func TestDynamicNamespacesMatchGlobs(t *testing.T) {
	s := newSite(t, hub.Config{
		Routes:     []hub.RouteConfig{newRouteConfig("a", "/org-*", "/org-1")},
		Namespaces: []hub.NamespaceConfig{newAckingNamespace("/org-*", "any"), newAckingNamespace("/org-1", "one")},
	})
	c := dialClient(t, s.url+"/0/", "4")
	c.joinNamespace("/org-1", "")
	c.joinNamespace("/org-2", "")
	c.sendPacket(`42/org-1,1["who"]`)
	c.wantPacket(`43/org-1,1["one"]`)
	c.sendPacket(`42/org-2,1["who"]`)
	c.wantPacket(`43/org-2,1["any"]`)
	for _, name := range []string{"/org-", "/org-a/b", "/orgs"} {
		c.sendPacket("40" + name + ",")
		got := c.readPacket()
		if allowed := name == "/org-"; allowed != strings.HasPrefix(got, "40") {
			t.Errorf("%s: %s", name, got)
		}
	}
	ns, ok := s.Namespace("/org-2")
	if !ok {
		t.Fatal("/org-2 does not exist")
	}
	socket, _ := ns.All().FetchSockets(t.Context())
	here, _ := ns.Socket(socket[0].ID)
	c.conn.Close()
	receiveWithin(t, here.Done())
	if _, ok := s.Namespace("/org-1"); !ok {
		t.Error("a named namespace is gone")
	}
}

func TestWithNamespaceMakesDynamicNamespaces(t *testing.T) {
	s := newSite(t, hub.Config{Namespaces: []hub.NamespaceConfig{newAckingNamespace("/org-*", "any")}})
	for name, want := range map[string]bool{"/": true, "/org-7": true, "/none": false} {
		visited := false
		if got := s.WithNamespace(name, func(ns *hub.Namespace) { visited = ns.Name() == name }); got != want || visited != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, ok := s.Namespace("/org-7"); ok {
		t.Error("a visit leaves a namespace behind")
	}
}
