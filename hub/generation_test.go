package hub_test

import (
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
	s := &site{Hub: hub.New(hub.Options{})}
	s.gen = s.Configure(c)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(r.URL.Path[1] - '0')
		s.Serve(s.gen.Routes()[i], &engine.Request{W: w, R: r, Address: "192.0.2.1"})
	}))
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	s.url = "ws" + strings.TrimPrefix(server.URL, "http")
	return s
}

func (s *site) reload(c hub.Config) {
	next := s.Configure(c)
	s.gen.Release()
	s.gen = next
}

func route(place string, namespaces ...string) hub.RouteConfig {
	c := hub.DefaultRoute()
	c.Place, c.Fingerprint, c.Namespaces = place, place, append([]string{}, namespaces...)
	return c
}

// answering returns the config of a namespace that acknowledges "who" with a word.
func answering(name, word string) hub.NamespaceConfig {
	return hub.NamespaceConfig{Name: name, Rules: []hub.Rule{{
		Events: []string{"who"},
		Handlers: []hub.Handler{hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
			return ev.Ack(word)
		})},
	}}}
}

func TestReloadKeepsSockets(t *testing.T) {
	s := newSite(t, hub.Config{
		Routes:     []hub.RouteConfig{route("a", "/chat")},
		Namespaces: []hub.NamespaceConfig{answering("/chat", "old")},
	})
	c, id := join(t, s.url+"/0/", "/chat", "")
	c.send(`42/chat,1["who"]`)
	c.want(`43/chat,1["old"]`)
	ns, _ := s.Namespace("/chat")
	socket, _ := ns.Socket(id)
	if err := socket.Join("lobby"); err != nil {
		t.Fatal(err)
	}

	s.reload(hub.Config{
		Routes:     []hub.RouteConfig{route("b", "/other"), route("a", "/chat")},
		Namespaces: []hub.NamespaceConfig{answering("/chat", "new"), answering("/other", "x")},
	})
	c.send(`42/chat,2["who"]`)
	c.want(`43/chat,2["new"]`)
	if n, _ := ns.To("lobby").Emit("news"); n != 1 {
		t.Error("the socket has left its room")
	}
	c.want(`42/chat,["news"]`)
}

func TestReloadRemovesNamespace(t *testing.T) {
	both := hub.Config{
		Routes:     []hub.RouteConfig{route("a", "/chat", "/org-*")},
		Namespaces: []hub.NamespaceConfig{answering("/chat", "old"), answering("/org-*", "org")},
	}
	s := newSite(t, both)
	c := dial(t, s.url+"/0/", "4")
	c.join("/", "")
	c.join("/chat", "")
	c.join("/org-1", "")
	s.reload(hub.Config{Routes: []hub.RouteConfig{route("a", "/org-*")}, Namespaces: []hub.NamespaceConfig{answering("/org-*", "org")}})
	c.want("41/chat,")
	c.send("40/chat,")
	c.want(`44/chat,{"message":"Invalid namespace"}`)
	c.send(`42/org-1,1["who"]`)
	c.want(`43/org-1,1["org"]`)
}

func TestReloadRemovesRoute(t *testing.T) {
	s := newSite(t, hub.Config{Routes: []hub.RouteConfig{route("a"), route("b")}})
	a, _ := join(t, s.url+"/0/", "/", "")
	b, _ := join(t, s.url+"/1/", "/", "")
	answerSync(s.Of("/"))
	s.reload(hub.Config{Routes: []hub.RouteConfig{route("b")}})
	a.wantClosed()
	b.sync("/")
}

// A config that is taken back leaves no trace.
func TestFailedReload(t *testing.T) {
	s := newSite(t, hub.Config{
		Routes:     []hub.RouteConfig{route("a", "/chat")},
		Namespaces: []hub.NamespaceConfig{answering("/chat", "old")},
	})
	c, _ := join(t, s.url+"/0/", "/chat", "")
	s.Configure(hub.Config{Routes: []hub.RouteConfig{route("z")}}).Release()
	c.send(`42/chat,1["who"]`)
	c.want(`43/chat,1["old"]`)
}

// A connection that its route's site no longer covers is closed, and none of the others;
// a config that is taken back closes what came by it alone.
func TestReloadClosesWhatTheSiteDoesNotCover(t *testing.T) {
	covering := func(paths ...string) hub.Config {
		c := route("a")
		c.Covers = func(opening *engine.Handshake) bool {
			path, _, _ := strings.Cut(opening.URL, "?")
			return slices.Contains(paths, path)
		}
		return hub.Config{Routes: []hub.RouteConfig{c}}
	}
	s := newSite(t, covering("/0/1", "/0/2"))
	answerSync(s.Of("/"))
	one, _ := join(t, s.url+"/0/1", "/", "")
	two, _ := join(t, s.url+"/0/2", "/", "")
	failing := s.Configure(covering("/0/1", "/0/3"))
	three, _ := join(t, s.url+"/0/3", "/", "")
	two.sync("/")
	failing.Release()
	three.wantClosed()
	two.sync("/")
	s.reload(covering("/0/1"))
	two.wantClosed()
	one.sync("/")
}

func TestDynamicNamespaces(t *testing.T) {
	s := newSite(t, hub.Config{
		Routes:     []hub.RouteConfig{route("a", "/org-*", "/org-1")},
		Namespaces: []hub.NamespaceConfig{answering("/org-*", "any"), answering("/org-1", "one")},
	})
	c := dial(t, s.url+"/0/", "4")
	c.join("/org-1", "")
	c.join("/org-2", "")
	c.send(`42/org-1,1["who"]`)
	c.want(`43/org-1,1["one"]`)
	c.send(`42/org-2,1["who"]`)
	c.want(`43/org-2,1["any"]`)
	for _, name := range []string{"/org-", "/org-a/b", "/orgs"} {
		c.send("40" + name + ",")
		got := c.read()
		if allowed := name == "/org-"; allowed != strings.HasPrefix(got, "40") {
			t.Errorf("%s: %s", name, got)
		}
	}
	ns, ok := s.Namespace("/org-2")
	if !ok {
		t.Fatal("it does not exist")
	}
	socket, _ := ns.All().FetchSockets(t.Context())
	here, _ := ns.Socket(socket[0].ID)
	c.conn.Close()
	await(t, here.Done())
	if _, ok := s.Namespace("/org-1"); !ok {
		t.Error("a named namespace is gone")
	}
}

func TestVisit(t *testing.T) {
	s := newSite(t, hub.Config{Namespaces: []hub.NamespaceConfig{answering("/org-*", "any")}})
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
