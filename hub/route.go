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
	// identity is guarded by Hub.configMu.
	identity       RouteIdentity
	settings       atomic.Pointer[routeSettings]
	removed        atomic.Bool // no config has it any more
	originWarnings warnings    // of refused origins
}

// routeSettings are what the newest config says about a route.
type routeSettings struct {
	RouteConfig
	allNamespaces bool
	globs         glob.List
}

func newRoute(c RouteConfig) *Route {
	r := &Route{engine: engine.NewRoute(c.Engine)}
	r.engine.Owner = r
	r.setConfig(c)
	return r
}

func (r *Route) setConfig(c RouteConfig) {
	r.identity = c.RouteIdentity
	r.settings.Store(&routeSettings{RouteConfig: c, allNamespaces: c.Namespaces == nil, globs: glob.NewSegmentsList(c.Namespaces)})
	r.engine.SetConfig(c.Engine)
	r.originWarnings.resetKeys()
}

func (r *Route) config() *routeSettings { return r.settings.Load() }

// serves reports whether a namespace may be joined here, for which the config has
// the given rules, if any.
func (r *Route) serves(namespace string, all *rules) bool {
	c := r.config()
	switch {
	case c.allNamespaces, namespace == "/", slices.Contains(c.Namespaces, namespace):
		return true
	case all == nil:
		return c.globs.Match(namespace)
	}
	return slices.Contains(c.Namespaces, all.name)
}

// coversHandshake reports whether a request like the one that opened a connection leads to the
// route.
func (r *Route) coversHandshake(opening *engine.Handshake) bool {
	covers := r.config().Covers
	return covers == nil || covers(opening)
}

// Connections returns the number of connections that are open.
func (r *Route) Connections() int { return r.engine.Sessions() }

func sessionRoute(s *engine.Session) *Route { return s.Route().Owner.(*Route) }
