package hub

import (
	"slices"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/glob"
)

// Route is an endpoint that clients connect to. It exists as long as a config in use has
// it, and keeps its connections when a new config replaces the one that it was made by.
type Route struct {
	// Static after construction.
	engine *engine.Route

	identity RouteIdentity // guarded by Hub.configMu

	settings       atomic.Pointer[routeSettings]
	removed        atomic.Bool // true when no config in use has the route
	originWarnings warnings
}

// routeSettings are the settings of a route in the newest config. They are not changed.
type routeSettings struct {
	RouteConfig
	allNamespaces bool
	globs         glob.List
}

func newRoute(c RouteConfig) *Route {
	r := &Route{engine: engine.NewRoute(c.engineConfig())}
	r.engine.Owner = r
	r.setConfig(c)
	return r
}

// setConfig applies the settings of a config. The caller holds Hub.configMu.
func (r *Route) setConfig(c RouteConfig) {
	r.identity = c.RouteIdentity
	r.settings.Store(&routeSettings{RouteConfig: c, allNamespaces: c.Namespaces == nil, globs: glob.NewSegmentsList(c.Namespaces)})
	r.engine.SetConfig(c.engineConfig())
	r.originWarnings.resetKeys()
}

// config returns the settings of the newest config.
func (r *Route) config() *routeSettings { return r.settings.Load() }

// servesNamespace reports whether clients may connect to a namespace here. The rules are the
// namespace's, nil if the config does not have it.
func (r *Route) servesNamespace(namespace string, all *rules) bool {
	c := r.config()
	switch {
	case c.allNamespaces, namespace == "/", slices.Contains(c.Namespaces, namespace):
		return true
	case all == nil:
		return c.globs.Match(namespace)
	}
	return slices.Contains(c.Namespaces, all.name)
}

// coversHandshake reports whether the request that opened a connection would reach the
// route, see [RouteIdentity].
func (r *Route) coversHandshake(opening *engine.Handshake) bool {
	covers := r.config().Covers
	return covers == nil || covers(opening)
}

// Connections returns the number of connections that are open.
func (r *Route) Connections() int { return r.engine.Sessions() }

// sessionRoute returns the route that a session came by.
func sessionRoute(s *engine.Session) *Route { return s.Route().Owner.(*Route) }
