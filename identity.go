package socketio

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// siteMap says where the socketio handlers of one server stand. Caddy numbers servers
// and orders routes anew with each config, so neither counts: a site is known by its
// listeners and its hosts.
type siteMap struct {
	server    *caddyhttp.Server
	listeners []caddy.NetworkAddress
	positions map[*Handler][]position
}

// position is one way by which requests reach a handler: the nested routes on it.
type position struct {
	hosts    [][]string // of each route that asks for hosts
	matchers []string   // the other matchers of each route that has some
	earlier  []shadow
	depth    int
}

// shadow is the routes that stand before one, and keep requests for their hosts from it.
type shadow struct {
	table *hostTable // also has later routes
	route int        // the index of the one
}

// maxDepth bounds how deep routes are followed: a named route may invoke itself.
const maxDepth = 100

// newSiteMap reads the routes of a server that is provisioned. Without a server the
// map is empty.
func newSiteMap(server *caddyhttp.Server) *siteMap {
	m := &siteMap{server: server, positions: make(map[*Handler][]position)}
	if server == nil {
		return m
	}
	for _, listen := range server.Listen {
		if address, err := caddy.ParseNetworkAddress(listen); err == nil { // or Caddy does not start
			m.listeners = append(m.listeners, address.Expand()...)
		}
	}
	m.addRoutes(server.Routes, position{})
	return m
}

// addRoutes finds the handlers of a list of routes. A route that is terminal, or of the
// same group, takes its requests away from those behind it.
func (m *siteMap) addRoutes(routes caddyhttp.RouteList, p position) {
	terminal := newHostTable(routes, func(r *caddyhttp.Route) bool { return r.Terminal })
	groups := make(map[string]*hostTable)
	for i := range routes {
		own, group := p, routes[i].Group
		own.earlier = append(slices.Clip(p.earlier), shadow{terminal, i})
		if group != "" {
			if groups[group] == nil {
				groups[group] = newHostTable(routes, func(r *caddyhttp.Route) bool { return r.Group == group })
			}
			own.earlier = append(own.earlier, shadow{groups[group], i})
		}
		m.addRoute(&routes[i], own)
	}
}

// addRoute finds the handlers of a route. Those that stand in a handler other than
// subroute and invoke are not found.
func (m *siteMap) addRoute(route *caddyhttp.Route, p position) {
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

// routeIdentity says by what a handler is recognized in the next config. One that was
// not found is recognized by its settings alone.
func (m *siteMap) routeIdentity(h *Handler) hub.RouteIdentity {
	id := hub.RouteIdentity{Place: h.Path, Fingerprint: h.fingerprint, Covers: m.cover(h)}
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

// cover returns the function that reports whether a request like the one that opened
// a connection reaches a handler: by one of the server's listeners, and for a host
// that leads there and not to a route before it.
func (m *siteMap) cover(h *Handler) func(*engine.Handshake) bool {
	listeners, positions := m.listeners, m.positions[h] // nothing that leads to the config
	return func(opening *engine.Handshake) bool {
		q, ok := opening.Context.(*handshake.Request)
		if !ok || q.Unplaced {
			return true
		}
		host := hostname(q.Host())
		listens := func(l caddy.NetworkAddress) bool { return isListener(l, q.LocalAddr()) }
		leads := func(p position) bool { return p.covers(host) }
		return (len(listeners) == 0 || slices.ContainsFunc(listeners, listens)) &&
			(len(positions) == 0 || slices.ContainsFunc(positions, leads))
	}
}

func (p *position) covers(host string) bool {
	for _, patterns := range p.hosts {
		if !slices.ContainsFunc(patterns, func(pattern string) bool { return matchHost(pattern, host) }) {
			return false
		}
	}
	return !slices.ContainsFunc(p.earlier, func(s shadow) bool { return s.table.first(host) < s.route })
}

// isListener reports whether a listener may have accepted a connection with that local
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
	own := net.ParseIP(listener.Host)
	return !listener.IsUnixNetwork() && int(listener.StartPort) == port &&
		(own == nil || own.IsUnspecified() || own.Equal(ip)) // a name may mean any address
}

// hostTable finds the first route of a list that takes all requests for a host.
type hostTable struct {
	exact    map[string]int // from the host to the index of its route
	patterns []hostPattern
}

type hostPattern struct {
	pattern string
	route   int
}

func newHostTable(routes caddyhttp.RouteList, counts func(*caddyhttp.Route) bool) *hostTable {
	t := &hostTable{exact: make(map[string]int)}
	for i, route := range routes {
		if !counts(&route) {
			continue
		}
		for _, set := range route.MatcherSets {
			if len(set) != 1 {
				continue
			}
			for _, pattern := range hostPatterns(set[0]) {
				if strings.Contains(pattern, "*") {
					t.patterns = append(t.patterns, hostPattern{pattern, i})
				} else if _, earlier := t.exact[pattern]; !earlier {
					t.exact[pattern] = i
				}
			}
		}
	}
	return t
}

// first returns the index of the first route that takes all requests for a host.
func (t *hostTable) first(host string) int {
	first := math.MaxInt
	if i, ok := t.exact[host]; ok {
		first = i
	}
	for _, p := range t.patterns {
		if p.route < first && matchHost(p.pattern, host) {
			first = p.route
		}
	}
	return first
}

// splitMatchers returns the hosts that a route asks for, nil when any will do, and the
// other matchers as text.
func splitMatchers(sets caddyhttp.MatcherSets) (hosts []string, others string) {
	anyHost := false
	var texts []string
	for _, set := range sets {
		var own, text []string
		for _, matcher := range set {
			if patterns := hostPatterns(matcher); patterns != nil {
				own = append(own, patterns...)
			} else {
				text = append(text, describeMatcher(matcher))
			}
		}
		slices.Sort(text) // they come out of a map
		texts = append(texts, strings.Join(text, ", "))
		hosts = append(hosts, own...)
		anyHost = anyHost || own == nil
	}
	if anyHost {
		hosts = nil
	}
	slices.Sort(texts)
	return hosts, strings.Join(slices.Compact(texts), " or ")
}

// hostPatterns returns the names and patterns of a host matcher, nil for another one.
func hostPatterns(matcher any) []string {
	m, ok := matcher.(*caddyhttp.MatchHost)
	if !ok {
		return nil
	}
	repl := caddy.NewReplacer()
	patterns := make([]string, 0, len(*m))
	for _, pattern := range *m {
		patterns = append(patterns, strings.ToLower(repl.ReplaceAll(pattern, "")))
	}
	return patterns
}

// describeMatcher returns a matcher's name and settings.
func describeMatcher(matcher any) string {
	name := fmt.Sprintf("%T", matcher)
	if module, ok := matcher.(caddy.Module); ok {
		name = module.CaddyModule().ID.Name()
	}
	settings, _ := json.Marshal(matcher) // of a matcher without JSON the name has to do
	return name + " " + string(settings)
}

// hostname returns the host of a request, without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// matchHost reports whether a host is the name, or matches the pattern, as Caddy has it: a
// star is one label. Both are in lower case.
func matchHost(pattern, host string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == host
	}
	labels, of := strings.Split(pattern, "."), strings.Split(host, ".")
	return slices.EqualFunc(labels, of, func(label, got string) bool { return label == "*" || label == got })
}

// siteMaps are made once for each server.
type siteMaps map[*caddyhttp.Server]*siteMap

func (all siteMaps) of(server *caddyhttp.Server) *siteMap {
	if all[server] == nil {
		all[server] = newSiteMap(server)
	}
	return all[server]
}
