package hub

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// Generation is a config in use. While several are, the one that came into use
// last counts, and what any of them serves stays open. So a new config that turns
// out not to work can be given up without harm.
type Generation struct {
	hub    *Hub
	config Config
	routes []*Route
}

// Configure makes the hub do what a config says, from the next event on, for sockets
// that are connected too. Sockets stay connected.
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

// A client that polls on a new TCP connection each time connects as soon as its poll is
// answered. What connects to a listener that is about to close is lost, and the client's
// connection with it. So polls wait while one config replaces another: for holdPolls at
// most while both are in use, and for holdPollsAfter when one of them is released, as
// its listeners close about then.
const (
	holdPolls      = time.Second
	holdPollsAfter = 100 * time.Millisecond
)

// AwaitPolls returns when the polls of all clients have come that are to be held back
// while the config replaces another one, or at a deadline.
func (g *Generation) AwaitPolls(deadline time.Time) { g.hub.engine.AwaitPolls(deadline) }

// Routes returns the routes of the config, in its order.
func (g *Generation) Routes() []*Route { return g.routes }

// Release ends the use of a config. What only it served is closed: the
// connections of its routes, and the sockets of its namespaces. It returns before
// that is done.
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
	h.spawn("sweep", func() { h.closeUnserved(gone, kept) })
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

// applyGeneration makes a generation the one that counts. The caller holds configMu.
func (h *Hub) applyGeneration(g *Generation) {
	h.logger.Store(g.config.Log)
	h.parserWarnings.resetKeys()
	h.unknownSessions.resetCount()
	d := newDeclared(g.config.Namespaces)
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

func (h *Hub) isRouteInUse(r *Route) bool {
	return slices.ContainsFunc(h.generations, func(g *Generation) bool { return slices.Contains(g.routes, r) })
}

// closeUnserved closes what no config serves any more: connections whose route is gone, then
// those that the sites of the remaining routes no longer cover, and then sockets whose
// namespace is gone. The clients of the connections come back by themselves, those of
// the sockets do not.
func (h *Hub) closeUnserved(gone, kept []*Route) {
	for _, r := range gone {
		r.removed.Store(true) // first: who comes after is refused
		r.engine.Close(ReasonForcedServer)
	}
	for _, r := range kept {
		r.engine.CloseIf(ReasonForcedServer, func(s *engine.Session) bool { return !r.coversHandshake(s.Handshake()) })
	}
	for _, ns := range h.Namespaces() {
		exists := h.isDeclared(ns)
		ns.recoveryLog.Remove(func(lost *cluster.LostSocket) bool {
			route, ok := lost.Owner.(*Route)
			return !exists || ok && !route.serves(ns.name, ns.rules.Load())
		})
		ns.each(everybody, func(s *Socket) bool {
			if !exists || !s.client.route.serves(ns.name, ns.rules.Load()) {
				s.Disconnect(false)
			}
			return true
		})
		h.tidy(ns)
	}
}
