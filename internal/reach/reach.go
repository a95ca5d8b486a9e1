// Package reach finds the handlers of a server that no request can reach: behind a
// route that answers everything, in a block that matches other paths, behind a
// rewrite that takes their path away.
//
// It goes backward from a handler to the server's first route, and keeps the set of
// requests that may still arrive. Whatever it does not know lets all requests pass,
// so a handler that works is never found.
package reach

import (
	"encoding/json"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Handler is a handler that [Find] looks for.
type Handler struct {
	// Name is the module's name in http.handlers, and the directive's.
	Name string
	// Prefix is the beginning of all paths that the handler serves.
	Prefix string
	// Suffixes are the rests, after the prefix, of the paths that its clients request.
	Suffixes []string
	// Source is where a Caddyfile has the handler, empty for JSON.
	Source string
}

// Problem says that a handler is not reached.
type Problem struct {
	// Place is the path of the handler in the config of the server, as Caddy's
	// admin endpoint has it: routes/0/handle/1.
	Place string
	// Certain says that no request reaches the handler, whatever exists on disk.
	// Otherwise none of its clients' requests probably does.
	Certain bool
	// Reason names the obstacle, and Fix the remedy.
	Reason, Fix string
}

// Find returns the problems of a handler, at each of its places in the routes that a
// server has not provisioned yet. The handler calls it while it is provisioned: the
// routes in front are then provisioned, or still JSON. parse returns nil for modules
// that Find does not look for.
func Find(server *caddyhttp.Server, own *Handler, parse func(name string, config json.RawMessage) *Handler) []Problem {
	c := &converter{parse: parse}
	s := &search{own: own, named: make(map[string][]*route)}
	for name, r := range server.NamedRoutes {
		s.named[name] = []*route{c.convertRoute(r, "named_routes/"+name)}
	}
	// Routes behind the one that is being provisioned make no difference.
	routes := server.Routes
	if i := slices.IndexFunc(routes, func(r caddyhttp.Route) bool { return r.HandlersRaw != nil }); i >= 0 {
		routes = routes[:i+1]
	}
	s.searchRoutes(c.convertRoutes(routes, "routes"), nil)
	for name, r := range server.NamedRoutes {
		if r.HandlersRaw != nil {
			s.searchRoutes(s.named[name], nil)
		}
	}
	return s.problems
}

// position is a handler on the way from a server's routes to one that is looked for.
type position struct {
	routes         []*route
	route, handler int
}

// search goes through routes and collects problems.
type search struct {
	own      *Handler
	named    map[string][]*route
	problems []Problem
}

func (s *search) searchRoutes(searchRoutes []*route, outer []position) {
	for i, r := range searchRoutes {
		if !r.raw {
			continue // checked before
		}
		for j, h := range r.getHandlers() {
			way := append(outer[:len(outer):len(outer)], position{searchRoutes, i, j})
			if h.own != nil && h.own.Name == s.own.Name && h.own.Prefix == s.own.Prefix && h.own.Source == s.own.Source {
				s.checkHandler(h, way)
			}
			if h.subroutes != nil {
				s.searchRoutes(h.subroutes, way)
			}
		}
	}
}

// checkHandler adds the problem of a handler, if it has one. Where nothing can be named
// that keeps requests away, the analysis has lost sight of a request, and there is none.
func (s *search) checkHandler(h *handler, way []position) {
	for _, certain := range []bool{true, false} {
		a := &analysis{named: s.named, own: h.own, certain: certain}
		if !a.isReached(way) && a.found.reason != "" {
			s.problems = append(s.problems, Problem{h.place, certain, a.found.reason, a.found.fix})
			return
		}
	}
}
