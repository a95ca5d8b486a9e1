package socketio

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddyserver/caddy/v2"
)

// provisionIdentities returns the identities of a config's routes, by the names of their hubs.
func provisionIdentities(t *testing.T, config string) map[string]hub.RouteIdentity {
	t.Helper()
	var c *caddy.Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(c)
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("socketio")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range app.(*App).handlers {
		t.Cleanup(func() { _ = h.Cleanup() }) // Cleanup never fails; other tests find a hub that remains
	}
	all := make(map[string]hub.RouteIdentity)
	for _, c := range app.(*App).mergeConfigs() {
		if len(c.Routes) != 1 {
			t.Errorf("hub %s has %d routes", c.hub.Name(), len(c.Routes))
		}
		all[c.hub.Name()] = c.Routes[0].RouteIdentity
	}
	return all
}

// identitySites are sites whose routes have a hub each.
const identitySites = `{
	admin off
	auto_https off
}
&(named) {
	socketio {
		hub named
	}
}
http://one.test, http://two.test:80 {
	bind 127.0.0.1 unix//run/caddy.sock|0222
	socketio {
		hub plain
	}
	@x header X a
	handle @x {
		socketio {
			hub nested
			path /x/
		}
	}
}
http://:81 {
	socketio {
		hub any
	}
}
http://*.two.test:82, http://{env.SITE}:82 {
	@a host a.two.test
	handle @a {
		socketio {
			hub wild
		}
	}
}
http://b.two.test:82 {
	invoke named
}
http://c.two.test:82/api/* {
	invoke named
}
`

// listenersOfFirstSite are the listeners of the first of identitySites.
var listenersOfFirstSite = []string{"127.0.0.1:80", "unix//run/caddy.sock|0222"}

// provisionIdentitySites returns the identities of the routes of identitySites.
func provisionIdentitySites(t *testing.T) map[string]hub.RouteIdentity {
	t.Helper()
	t.Setenv("SITE", "Env.Test")
	config, err := adaptCaddyfile(identitySites)
	if err != nil {
		t.Fatal(err)
	}
	return provisionIdentities(t, config)
}

// checkIdentities compares identities by all but their fingerprints and Covers, and expects
// the fingerprints to be set.
func checkIdentities(t *testing.T, got, want map[string]hub.RouteIdentity) {
	t.Helper()
	for name, want := range want {
		id := got[name]
		if id.Fingerprint == "" {
			t.Errorf("%s: no fingerprint", name)
		}
		id.Fingerprint, id.Covers = "", nil
		if !reflect.DeepEqual(id, want) {
			t.Errorf("%s: got %+v, want %+v", name, id, want)
		}
	}
}

func TestRouteIdentityNamesSite(t *testing.T) {
	checkIdentities(t, provisionIdentitySites(t), map[string]hub.RouteIdentity{
		"plain":  {Listeners: listenersOfFirstSite, Hosts: []string{"one.test", "two.test"}, Place: "/socket.io/"},
		"nested": {Listeners: listenersOfFirstSite, Hosts: []string{"one.test", "two.test"}, Place: `/x/header {"X":["a"]}`},
		"any":    {Listeners: []string{":81"}, Place: "/socket.io/"},
		"wild":   {Listeners: []string{":82"}, Hosts: []string{"*.two.test", "a.two.test", "env.test"}, Place: "/socket.io/"},
		"named":  {Listeners: []string{":82"}, Hosts: []string{"b.two.test", "c.two.test"}, Place: `/socket.io/ | path ["/api/*"]`},
	})
}

func TestRouteIdentityCoversRequestsOfSite(t *testing.T) {
	identities := provisionIdentitySites(t)
	tcp := func(ip string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: port} }
	for _, c := range []struct {
		host  string
		local net.Addr
		want  string // the hubs whose routes cover the request
	}{
		{"one.test", tcp("127.0.0.1", 80), "nested plain"},
		{"ONE.test:80", tcp("127.0.0.1", 80), "nested plain"},
		{"two.test", &net.UnixAddr{Name: "/run/caddy.sock", Net: "unix"}, "nested plain"},
		{"two.test", &net.UnixAddr{Name: "/run/other.sock", Net: "unix"}, ""},
		{"one.test", tcp("127.0.0.2", 80), ""},
		{"three.test", tcp("127.0.0.1", 80), ""},
		{"three.test", tcp("127.0.0.1", 81), "any"},
		{"[::1]:81", &net.UDPAddr{IP: net.IPv6loopback, Port: 81}, "any"},
		{"a.two.test", tcp("10.0.0.1", 82), "wild"},
		{"a.b.two.test", tcp("10.0.0.1", 82), ""},
		{"b.two.test", tcp("10.0.0.1", 82), "named"},
		{"c.two.test", tcp("10.0.0.1", 82), "named"},
		{"env.test", tcp("10.0.0.1", 82), ""}, // not a host of the handle block
	} {
		r := httptest.NewRequest("GET", "/socket.io/", nil)
		r.Host = c.host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, c.local))
		opening := handshake.Capture(r, r.Header, nil, "/socket.io/")
		var covering []string
		for name, id := range identities {
			if id.Covers(&engine.Handshake{Context: opening}) {
				covering = append(covering, name)
			}
		}
		slices.Sort(covering)
		if strings.Join(covering, " ") != c.want {
			t.Errorf("%s at %s: covered by %s, want %s", c.host, c.local, covering, c.want)
		}
	}
}

// TestRouteIdentityOfJSONConfig covers configs that no Caddyfile makes: routes without hosts,
// and a site whose hosts an earlier site takes.
func TestRouteIdentityOfJSONConfig(t *testing.T) {
	got := provisionIdentities(t, `{"admin":{"disabled":true},"apps":{"http":{"servers":{"x":{"listen":["unix//a.sock","tcp/:1000-1001"],
		"automatic_https":{"disable":true},"routes":[
		{"match":[{"host":["taken.test"]}],"terminal":true,"handle":[{"handler":"static_response"}]},
		{"match":[{"path":["/socket.io/*"],"host":["a.test"]},{"path":["/socket.io/b/*"]}],"handle":[{"handler":"socketio","hub":"paths"}]},
		{"handle":[{"handler":"intercept","handle_response":[{"routes":[{"handle":[{"handler":"socketio","hub":"hidden"}]}]}]}]},
		{"match":[{"host":["*.test"]}],"terminal":true,"handle":[{"handler":"socketio","hub":"hosts"}]}
	]}}}}}`)
	listeners := []string{":1000", ":1001", "unix//a.sock"}
	checkIdentities(t, got, map[string]hub.RouteIdentity{
		"paths":  {Listeners: listeners, Place: `/socket.io/path ["/socket.io/*"] or path ["/socket.io/b/*"]`},
		"hidden": {Listeners: listeners, Place: "/socket.io/" + got["hidden"].Fingerprint},
		"hosts":  {Listeners: listeners, Hosts: []string{"*.test"}, Place: "/socket.io/"},
	})
	for host, want := range map[string]bool{"free.test": true, "taken.test": false} {
		r := httptest.NewRequest("GET", "http://"+host+"/", nil)
		if got := got["hosts"].Covers(&engine.Handshake{Context: handshake.Capture(r, r.Header, nil, "/socket.io/")}); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}
