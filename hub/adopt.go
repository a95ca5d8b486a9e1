package hub

import "slices"

// adoptRoutes returns the routes of a new config: for each entry the route that the
// former configs had for it, or a new one. A route that is adopted keeps its
// connections. Of old, each route is adopted once at most.
//
// The order of entries means nothing. A route is adopted in its own site only, and
// where several entries of a site could be meant, only by one with the same settings:
// a connection that loses its route comes back, and one under the rules of another
// route has got around that route's gates.
func adoptRoutes(old []*Route, configs []RouteConfig) []*Route {
	adopted := make([]*Route, len(configs))
	for _, p := range adoptionPasses {
		for i := range configs {
			c := &configs[i]
			if adopted[i] != nil {
				continue
			}
			j := slices.IndexFunc(old, func(r *Route) bool {
				return p.same(&r.identity, &c.RouteIdentity) && !slices.Contains(adopted, r)
			})
			if j >= 0 && !(p.sole && p.isAmbiguous(old, configs, old[j], c)) {
				adopted[i] = old[j]
			}
		}
	}
	for i := range configs {
		if adopted[i] == nil {
			adopted[i] = newRoute(configs[i])
		}
	}
	return adopted
}

// adoptionPass is one way to recognize a route. With sole it counts only if it holds
// between no other route and entry of the configs than these two.
type adoptionPass struct {
	same func(a, b *RouteIdentity) bool
	sole bool
}

// adoptionPasses are tried in order, each on the routes that the ones before left.
var adoptionPasses = []adoptionPass{
	{same: func(a, b *RouteIdentity) bool {
		return a.sameSite(b) && a.Place == b.Place && a.Fingerprint == b.Fingerprint
	}},
	{same: func(a, b *RouteIdentity) bool { return a.sameSite(b) && a.Place == b.Place }, sole: true},
	{same: func(a, b *RouteIdentity) bool {
		return a.sharesSite(b) && a.Place == b.Place && a.Fingerprint == b.Fingerprint
	}},
	{same: func(a, b *RouteIdentity) bool {
		return a.sharesSite(b) && (a.Place == b.Place || a.Fingerprint == b.Fingerprint)
	}, sole: true},
}

// isAmbiguous reports whether the pass also holds between r and another entry, or
// between c and another route.
func (p adoptionPass) isAmbiguous(old []*Route, configs []RouteConfig, r *Route, c *RouteConfig) bool {
	for i := range configs {
		if other := &configs[i]; other != c && p.same(&r.identity, &other.RouteIdentity) {
			return true
		}
	}
	return slices.ContainsFunc(old, func(other *Route) bool {
		return other != r && p.same(&other.identity, &c.RouteIdentity)
	})
}

// sameSite reports whether both stand in a site with the same listeners and hosts.
func (a *RouteIdentity) sameSite(b *RouteIdentity) bool {
	return slices.Equal(a.Listeners, b.Listeners) && slices.Equal(a.Hosts, b.Hosts)
}

// sharesSite reports whether the sites have a listener and a host in common.
func (a *RouteIdentity) sharesSite(b *RouteIdentity) bool {
	return share(a.Listeners, b.Listeners) && share(a.Hosts, b.Hosts)
}

// share reports whether two lists have an element in common, or are both empty.
func share(a, b []string) bool {
	return len(a)+len(b) == 0 || slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
