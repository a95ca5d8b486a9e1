package hub

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// Generation is a config in use. While several are in use, the latest one applies, and
// the routes and namespaces of all of them stay open. So a new config that fails can be
// released without closing connections.
type Generation struct {
	hub    *Hub
	config Config
	routes []*Route
}

// Configure applies a config, for connected sockets too, from their next event on. It
// closes no connection. The former config stays in use until its Generation is released.
func (h *Hub) Configure(c Config) *Generation {
	h.configMu.Lock()
	defer h.configMu.Unlock()
	if len(h.generations) > 0 {
		h.engine.HoldPolls(holdPolls)
	}
	g := &Generation{hub: h, config: c, routes: h.routesFor(c.Routes)}
	h.generations = append(h.generations, g)
	h.applyGeneration(g)
	return g
}

// A client that polls on a new TCP connection each time connects as soon as its poll gets
// a response. A TCP connection to a listener that is about to close is lost, and the
// client's session with it. So polls are held while one config replaces another: for
// holdPolls at most while both are in use, and for holdPollsAfter when one of them is
// released, as its listeners close about then.
const (
	holdPolls      = time.Second
	holdPollsAfter = 100 * time.Millisecond
)

// AwaitPolls waits until the clients have sent the polls that are held while the config
// replaces another one, or until a deadline.
func (g *Generation) AwaitPolls(deadline time.Time) { g.hub.engine.AwaitPolls(deadline) }

// Routes returns the routes of the config, in its order.
func (g *Generation) Routes() []*Route { return g.routes }

// Release ends the use of a config. It closes the connections of routes, and disconnects
// the sockets of namespaces, that no other config in use has. It returns before that is
// done.
func (g *Generation) Release() {
	h := g.hub
	h.configMu.Lock()
	defer h.configMu.Unlock()
	i := slices.Index(h.generations, g)
	if i < 0 {
		return
	}
	h.generations = slices.Delete(h.generations, i, i+1)
	if len(h.generations) == 0 {
		h.applyGeneration(&Generation{hub: h, config: Config{Log: g.config.Log, Cluster: g.config.Cluster}})
	} else {
		h.engine.HoldPolls(holdPollsAfter)
		if i == len(h.generations) {
			h.applyGeneration(h.generations[i-1])
		}
	}
	var gone, kept []*Route
	for _, r := range g.routes {
		if h.isRouteInUse(r) {
			kept = append(kept, r)
		} else {
			gone = append(gone, r)
		}
	}
	h.spawn("close unserved connections", func() { h.closeUnserved(gone, kept) })
}

// routesFor returns the routes of a new config. The caller holds configMu.
func (h *Hub) routesFor(configs []RouteConfig) []*Route {
	var old []*Route
	for _, g := range slices.Backward(h.generations) {
		for _, r := range g.routes {
			if !slices.Contains(old, r) {
				old = append(old, r)
			}
		}
	}
	return adoptRoutes(old, configs)
}

// applyGeneration applies the config of a generation. The caller holds configMu.
func (h *Hub) applyGeneration(g *Generation) {
	h.logger.Store(g.config.Log)
	h.parserWarnings.resetKeys()
	h.memberWarnings.resetKeys()
	h.addressEvents.warnings.resetKeys()
	h.unknownSessions.resetCount()
	h.rateLimits.warnings.resetKeys()
	d := newDeclared(g.config.Namespaces, func(all []Handler) []timedHandler { return h.timeHandlers(all, g.config.HandlerName) })
	h.mu.Lock()
	h.declared, h.cluster = d, cmp.Or(g.config.Cluster, cluster.Alone)
	for name := range d.exact {
		h.openNamespaceLocked(name)
	}
	counted := make(map[*counts]bool, len(h.namespaces))
	for _, ns := range h.namespaces {
		h.configureNamespaceLocked(ns)
		counted[ns.counts.Load()] = true
	}
	maps.DeleteFunc(h.counts, func(name string, c *counts) bool { return !counted[c] && !d.hasName(name) })
	h.mu.Unlock()
	for _, ns := range h.Namespaces() {
		ns.updateLink()
	}
	recovery := h.ownRoute.config().Recovery
	for i, r := range g.routes {
		recovery = max(recovery, g.config.Routes[i].Recovery)
		r.setConfig(g.config.Routes[i])
	}
	h.recovery.Store(int64(recovery))
}

// isRouteInUse reports whether a generation has the route. The caller holds configMu.
func (h *Hub) isRouteInUse(r *Route) bool {
	return slices.ContainsFunc(h.generations, func(g *Generation) bool { return slices.Contains(g.routes, r) })
}

// closeUnserved closes the connections of routes that no config has, then the connections
// that the sites of the kept routes no longer cover. Then it disconnects the sockets of
// namespaces that no config has. Clients reconnect after a closed connection, but not
// after a disconnect.
func (h *Hub) closeUnserved(gone, kept []*Route) {
	for _, r := range gone {
		r.removed.Store(true) // first: new sessions are refused from now on
		r.engine.Close(ReasonForcedServer, "a new config has no such route")
	}
	for _, r := range kept {
		r.engine.CloseIf(ReasonForcedServer, "in a new config, the site of its route does not have it", func(s *engine.Session) bool { return !r.coversHandshake(s.Handshake()) })
	}
	for _, ns := range h.Namespaces() {
		exists := h.isDeclared(ns)
		ns.recoveryLog.Remove(func(lost *cluster.LostSocket) bool {
			owner, ok := lost.Owner.(lostOwner)
			return !exists || ok && !owner.route.servesNamespace(ns.name, ns.rules.Load())
		})
		ns.forEachSocket(everySocket, func(s *Socket) bool {
			if !exists || !s.client.route.servesNamespace(ns.name, ns.rules.Load()) {
				s.Disconnect(false)
			}
			return true
		})
		h.removeIfUnused(ns)
	}
}
