package reach

import (
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// route is a route of Caddy, from its JSON or, once provisioned, from its modules.
type route struct {
	group    string
	terminal bool
	matchers []matcherSet // empty: every request
	raw      bool         // its handlers are not provisioned yet

	// The handlers are read when they are needed: a server may have a thousand
	// routes, and as many handlers that call Find.
	source   *caddyhttp.Route
	place    string     // of the list that it is in, or its own
	index    int        // in that list, or -1
	read     *converter // nil once the handlers are read
	handlers []*handler
}

// getHandlers returns the handlers of a route.
func (r *route) getHandlers() []*handler {
	c := r.read
	if c == nil {
		return r.handlers
	}
	r.read = nil
	place := r.place
	if r.index >= 0 {
		place = fmt.Sprintf("%s/%d", place, r.index)
	}
	for i, raw := range r.source.HandlersRaw {
		r.handlers = append(r.handlers, c.rawHandler(raw, fmt.Sprintf("%s/handle/%d", place, i)))
	}
	for _, h := range r.source.Handlers {
		r.handlers = append(r.handlers, c.provisionedHandler(h))
	}
	return r.handlers
}

// handler is a module of a route.
type handler struct {
	name      string
	config    json.RawMessage
	place     string
	own       *Handler // nil for modules that are not looked for
	subroutes []*route
	// catches says that errors of the subroutes have routes of their own.
	catches bool
	// responses are the routes for responses of a reverse proxy, each a list.
	responses [][]*route
}

// matcherSet matches a request if all of its matchers do.
type matcherSet []matcher

// matcher is a module of a matcher set.
type matcher struct {
	name   string
	list   []string        // of the modules path and host
	config json.RawMessage // of other modules
	not    []matcherSet    // of the module not
}

// converter reads routes.
type converter struct {
	parse func(name string, config json.RawMessage) *Handler
}

func (c *converter) convertRoutes(list caddyhttp.RouteList, place string) []*route {
	routes := make([]*route, 0, len(list))
	for i := range list {
		r := c.convertRoute(&list[i], place)
		r.index = i
		routes = append(routes, r)
	}
	return routes
}

func (c *converter) convertRoute(r *caddyhttp.Route, place string) *route {
	converted := &route{group: r.Group, terminal: r.Terminal, raw: r.HandlersRaw != nil, source: r, place: place, index: -1, read: c}
	for _, set := range r.MatcherSets {
		converted.matchers = append(converted.matchers, provisionedSet(set))
	}
	for _, set := range r.MatcherSetsRaw {
		converted.matchers = append(converted.matchers, rawSet(set))
	}
	return converted
}

func (c *converter) rawHandler(raw json.RawMessage, place string) *handler {
	var config struct {
		Handler        string                      `json:"handler"`
		Routes         caddyhttp.RouteList         `json:"routes"`
		Errors         *caddyhttp.HTTPErrorConfig  `json:"errors"`
		HandleResponse []caddyhttp.ResponseHandler `json:"handle_response"`
	}
	var named struct {
		Handler string `json:"handler"`
	}
	_ = json.Unmarshal(raw, &named) // without a name it is unknown
	h := &handler{name: named.Handler, config: raw, place: place, own: c.parse(named.Handler, raw)}
	switch h.name {
	case "subroute", "reverse_proxy":
		if json.Unmarshal(raw, &config) != nil {
			h.name = "" // unknown: Caddy refuses it
			return h
		}
		h.subroutes, h.catches = c.convertRoutes(config.Routes, place+"/routes"), config.Errors != nil
		for _, response := range config.HandleResponse {
			h.responses = append(h.responses, c.convertRoutes(response.Routes, place+"/handle_response"))
		}
	}
	return h
}

// provisionedHandler reads a handler that has forgotten its JSON.
func (c *converter) provisionedHandler(module caddyhttp.MiddlewareHandler) *handler {
	h := &handler{name: moduleName(module)}
	if sub, ok := module.(*caddyhttp.Subroute); ok {
		h.subroutes, h.catches = c.convertRoutes(sub.Routes, ""), sub.Errors != nil
		return h
	}
	h.config, _ = json.Marshal(module)
	h.own = c.parse(h.name, h.config)
	var config struct {
		HandleResponse []json.RawMessage `json:"handle_response"`
	}
	if json.Unmarshal(h.config, &config) != nil || len(config.HandleResponse) > 0 {
		h.name = "" // unknown: routes for responses have forgotten their JSON, too
	}
	return h
}

func rawSet(set caddy.ModuleMap) matcherSet {
	var converted matcherSet
	for name, config := range set {
		m := matcher{name: name, config: config}
		switch name {
		case "path", "host":
			if json.Unmarshal(config, &m.list) != nil {
				m.name = "" // unknown: Caddy refuses it
			}
		case "not":
			var sets caddyhttp.RawMatcherSets
			if json.Unmarshal(config, &sets) != nil {
				m.name = ""
			}
			for _, inner := range sets {
				m.not = append(m.not, rawSet(inner))
			}
		}
		converted = append(converted, m)
	}
	return converted
}

func provisionedSet(set caddyhttp.MatcherSet) matcherSet {
	var converted matcherSet
	for _, module := range set {
		m := matcher{name: moduleName(module)}
		var inner []caddyhttp.MatcherSet
		switch provisioned := module.(type) {
		case caddyhttp.MatchNot:
			inner = provisioned.MatcherSets
		case *caddyhttp.MatchNot:
			inner = provisioned.MatcherSets
		case *caddyhttp.MatchPath:
			m.list = *provisioned
		case caddyhttp.MatchPath:
			m.list = provisioned
		case *caddyhttp.MatchHost:
			m.list = *provisioned
		case caddyhttp.MatchHost:
			m.list = provisioned
		default:
			m.config, _ = json.Marshal(module)
		}
		for _, set := range inner {
			m.not = append(m.not, provisionedSet(set))
		}
		converted = append(converted, m)
	}
	return converted
}

// moduleName returns the last part of a module's id.
func moduleName(module any) string {
	if m, ok := module.(caddy.Module); ok {
		return m.CaddyModule().ID.Name()
	}
	return ""
}
