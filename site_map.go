package socketio

import (
	"net"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// siteMap has the positions of the socketio handlers in one server's routes. Caddy
// renumbers servers and routes with each config. A site is therefore identified by its
// listeners and its hosts.
type siteMap struct {
	server    *caddyhttp.Server
	listeners []caddy.NetworkAddress
	positions map[*Handler][]sitePosition
}

// sitePosition is one way by which requests reach a handler, through nested routes.
type sitePosition struct {
	hosts    [][]string // of each route with a host matcher
	matchers []string   // the other matchers of each route
	earlier  []earlierRoutes
	depth    int
}

// earlierRoutes are the routes before a route. Requests for their hosts do not reach the
// route.
type earlierRoutes struct {
	table *hostTable // also has later routes
	route int        // the index of the one
}

// maxDepth limits how deep routes are followed: a named route may invoke itself.
const maxDepth = 100

// newSiteMap reads the routes of a provisioned server. Without a server the map is empty.
func newSiteMap(server *caddyhttp.Server) *siteMap {
	m := &siteMap{server: server, positions: make(map[*Handler][]sitePosition)}
	if server == nil {
		return m
	}
	for _, listen := range server.Listen {
		if address, err := caddy.ParseNetworkAddress(listen); err == nil { // or Caddy does not start
			m.listeners = append(m.listeners, address.Expand()...)
		}
	}
	m.addRoutes(server.Routes, sitePosition{})
	return m
}

// addRoutes adds the handlers of a list of routes. Requests that match a terminal route,
// or a route of the same group, do not reach the routes behind it.
func (m *siteMap) addRoutes(routes caddyhttp.RouteList, p sitePosition) {
	terminal := newHostTable(routes, func(r *caddyhttp.Route) bool { return r.Terminal })
	groups := make(map[string]*hostTable)
	for i := range routes {
		own, group := p, routes[i].Group
		own.earlier = append(slices.Clip(p.earlier), earlierRoutes{terminal, i})
		if group != "" {
			if groups[group] == nil {
				groups[group] = newHostTable(routes, func(r *caddyhttp.Route) bool { return r.Group == group })
			}
			own.earlier = append(own.earlier, earlierRoutes{groups[group], i})
		}
		m.addRoute(&routes[i], own)
	}
}

// addRoute adds the handlers of a route. It does not find handlers inside of other
// modules than subroute and invoke.
func (m *siteMap) addRoute(route *caddyhttp.Route, p sitePosition) {
	if p.depth++; p.depth > maxDepth {
		return
	}
	hosts, others := splitMatchers(route.MatcherSets)
	if hosts != nil {
		p.hosts = append(slices.Clip(p.hosts), hosts)
	}
	if others != "" {
		p.matchers = append(slices.Clip(p.matchers), others)
	}
	for _, handler := range route.Handlers {
		switch handler := handler.(type) {
		case *Handler:
			m.positions[handler] = append(m.positions[handler], p)
		case *caddyhttp.Subroute:
			m.addRoutes(handler.Routes, p)
		case *caddyhttp.Invoke:
			if named := m.server.NamedRoutes[handler.Name]; named != nil {
				m.addRoute(named, p)
			}
		}
	}
}

// buildIdentity returns the identity by which the next config recognizes the route of a
// handler. A handler that was not found is recognized by its settings alone.
func (m *siteMap) buildIdentity(h *Handler) hub.RouteIdentity {
	id := hub.RouteIdentity{Place: h.Path, Fingerprint: h.fingerprint, Covers: m.newCoverFunc(h)}
	for _, listener := range m.listeners {
		id.Listeners = append(id.Listeners, listener.String())
	}
	var hosts, matchers []string
	for _, p := range m.positions[h] {
		hosts = append(hosts, slices.Concat(p.hosts...)...)
		matchers = append(matchers, strings.Join(p.matchers, " & "))
	}
	if len(m.positions[h]) == 0 {
		matchers = []string{h.fingerprint}
	}
	slices.Sort(id.Listeners)
	slices.Sort(hosts)
	slices.Sort(matchers)
	id.Hosts = slices.Compact(hosts)
	id.Place += strings.Join(slices.Compact(matchers), " | ")
	return id
}

// newCoverFunc returns a function that reports whether the request that opened a
// connection would reach the handler: by one of the server's listeners, and for a host
// whose requests no earlier route handles. In doubt it reports true. A reload decides by
// it which connections stay open.
func (m *siteMap) newCoverFunc(h *Handler) func(*engine.Handshake) bool {
	listeners, positions := m.listeners, m.positions[h] // the function must not hold the config
	return func(opening *engine.Handshake) bool {
		q, ok := opening.Context.(*handshake.Request)
		if !ok || q.Unplaced {
			return true
		}
		host := parseHostname(q.Host())
		listens := func(l caddy.NetworkAddress) bool { return isListener(l, q.LocalAddr()) }
		covers := func(p sitePosition) bool { return p.coversHost(host) }
		return (len(listeners) == 0 || slices.ContainsFunc(listeners, listens)) &&
			(len(positions) == 0 || slices.ContainsFunc(positions, covers))
	}
}

func (p *sitePosition) coversHost(host string) bool {
	for _, patterns := range p.hosts {
		if !slices.ContainsFunc(patterns, func(pattern string) bool { return matchHost(pattern, host) }) {
			return false
		}
	}
	return !slices.ContainsFunc(p.earlier, func(s earlierRoutes) bool { return s.table.findFirst(host) < s.route })
}

// isListener reports whether a listener may have accepted a connection with a local
// address.
func isListener(listener caddy.NetworkAddress, local net.Addr) bool {
	var ip net.IP
	var port int
	switch local := local.(type) {
	case *net.TCPAddr:
		ip, port = local.IP, local.Port
	case *net.UDPAddr:
		ip, port = local.IP, local.Port
	case *net.UnixAddr:
		path, _, _ := strings.Cut(listener.Host, "|") // behind it are the file's permissions
		return listener.IsUnixNetwork() && path == local.Name
	default:
		return true
	}
	if listener.IsFdNetwork() {
		return true
	}
	if listener.IsUnixNetwork() || int(listener.StartPort) != port {
		return false
	}
	if listener.Host == "" { // of most listeners
		return true
	}
	own := net.ParseIP(listener.Host)
	return own == nil || own.IsUnspecified() || own.Equal(ip) // a name may mean any address
}

// siteMaps are the site maps of the servers, each made once.
type siteMaps map[*caddyhttp.Server]*siteMap

func (all siteMaps) mapFor(server *caddyhttp.Server) *siteMap {
	if all[server] == nil {
		all[server] = newSiteMap(server)
	}
	return all[server]
}
