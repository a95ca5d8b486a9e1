package hub

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// Route is an endpoint that clients connect to. It outlives the config that it
// was made by, for as long as a later one has it too.
type Route struct {
	engine *engine.Route // static after construction
	// identity is guarded by Hub.useMu.
	identity RouteIdentity
	settings atomic.Pointer[routeSettings]
	gone     atomic.Bool // no config has it any more
	origins  warnings    // of refused origins
}

// routeSettings are what the newest config says about a route.
type routeSettings struct {
	RouteConfig
	all   bool
	names names
}

func newRoute(c RouteConfig) *Route {
	r := &Route{engine: engine.NewRoute(c.Engine)}
	r.engine.Owner = r
	r.configure(c)
	return r
}

func (r *Route) configure(c RouteConfig) {
	r.identity = c.RouteIdentity
	r.settings.Store(&routeSettings{RouteConfig: c, all: c.Namespaces == nil, names: newNames(c.Namespaces)})
	r.engine.SetConfig(c.Engine)
	r.origins.reset()
}

func (r *Route) config() *routeSettings { return r.settings.Load() }

// serves reports whether a namespace may be joined here, for which the config has
// the given rules, if any.
func (r *Route) serves(namespace string, all *rules) bool {
	c := r.config()
	switch {
	case c.all, namespace == "/", slices.Contains(c.Namespaces, namespace):
		return true
	case all == nil:
		return c.names.match(namespace)
	}
	return slices.Contains(c.Namespaces, all.name)
}

// covers reports whether a request like the one that opened a connection leads to the
// route.
func (r *Route) covers(opening *engine.Handshake) bool {
	covers := r.config().Covers
	return covers == nil || covers(opening)
}

// Connections returns the number of connections that are open.
func (r *Route) Connections() int { return r.engine.Sessions() }

func routeOf(s *engine.Session) *Route { return s.Route().Owner.(*Route) }

// SameOrigin reports whether an Origin is the one that the request was sent to:
// the same host and port, with the scheme's own port where none is named. Native
// clients name the schemes ws and wss, which no page has.
func SameOrigin(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	switch {
	case err != nil, u.Host == "", u.User != nil:
		return false
	case u.Scheme == "http" && r.TLS != nil:
		return false // anybody on the way can write such pages
	}
	switch u.Scheme {
	case "http", "ws":
		return strings.EqualFold(withPort(u.Host, false), withPort(r.Host, false))
	case "https", "wss":
		return strings.EqualFold(withPort(u.Host, true), withPort(r.Host, true))
	}
	return false
}

// withPort adds the port that the scheme implies.
func withPort(host string, secure bool) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host
	}
	if secure {
		return host + ":443"
	}
	return host + ":80"
}
