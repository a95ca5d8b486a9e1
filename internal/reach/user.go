package reach

import (
	"encoding/json"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// userless are the handlers and matchers that set no user of a request. Others may, the one
// for authentication does.
var userless = struct{ handlers, matchers []string }{
	[]string{
		"acme_server", "copy_response", "copy_response_headers", "encode", "error", "file_server", "headers", "invoke",
		"log_append", "metrics", "push", "request_body", "reverse_proxy", "rewrite", "socketio", "socketio_api",
		"static_response", "subroute", "templates", "tracing", "vars",
	},
	[]string{
		"client_ip", "expression", "file", "header", "header_regexp", "host", "method", "not", "path", "path_regexp",
		"protocol", "query", "remote_ip", "tls", "vars", "vars_regexp",
	},
}

// MaySetUser reports whether something in the routes of a server may set the placeholders
// http.auth.user.*: whether they have a handler or a matcher besides the ones that are known
// not to. It is called while the server is provisioned.
func MaySetUser(server *caddyhttp.Server) bool {
	c := &converter{parse: func(string, json.RawMessage) *Handler { return nil }}
	routes := c.convertRoutes(server.Routes, "")
	for _, r := range server.NamedRoutes {
		routes = append(routes, c.convertRoute(r, ""))
	}
	if server.Errors != nil {
		routes = append(routes, c.convertRoutes(server.Errors.Routes, "")...)
	}
	return slices.ContainsFunc(routes, (*route).maySetUser)
}

func (r *route) maySetUser() bool {
	return slices.ContainsFunc(r.matchers, matcherSet.maySetUser) || slices.ContainsFunc(r.getHandlers(), (*handler).maySetUser)
}

// maySetUser counts a subroute with routes for errors as unknown: they are not read.
func (h *handler) maySetUser() bool {
	if h.catches || !slices.Contains(userless.handlers, h.name) || slices.ContainsFunc(h.subroutes, (*route).maySetUser) {
		return true
	}
	return slices.ContainsFunc(h.responses, func(list []*route) bool { return slices.ContainsFunc(list, (*route).maySetUser) })
}

func (s matcherSet) maySetUser() bool {
	return slices.ContainsFunc(s, func(m matcher) bool {
		return !slices.Contains(userless.matchers, m.name) || slices.ContainsFunc(m.not, matcherSet.maySetUser)
	})
}
