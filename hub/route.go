package hub

import (
	"slices"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/glob"
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
	names glob.List
}

func newRoute(c RouteConfig) *Route {
	r := &Route{engine: engine.NewRoute(c.Engine)}
	r.engine.Owner = r
	r.configure(c)
	return r
}

func (r *Route) configure(c RouteConfig) {
	r.identity = c.RouteIdentity
	r.settings.Store(&routeSettings{RouteConfig: c, all: c.Namespaces == nil, names: glob.NewSegmentsList(c.Namespaces)})
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
		return c.names.Match(namespace)
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
