package backend

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// fastCGI returns the FastCGI transport of a handler reverse_proxy in decoded JSON. It
// returns nil for any other handler and transport.
func fastCGI(handler map[string]any) map[string]any {
	transport, _ := handler["transport"].(map[string]any)
	if handler["handler"] != "reverse_proxy" || transport["protocol"] != "fastcgi" {
		return nil
	}
	return transport
}

// boundFastCGI sets the timeouts of FastCGI to the time of a request, unless the config
// has them. FastCGI does not notice that a request is canceled. It reports whether the
// handler uses FastCGI.
func boundFastCGI(proxy map[string]any, timeout caddy.Duration) bool {
	transport := fastCGI(proxy)
	if transport == nil {
		return false
	}
	for _, name := range []string{"read_timeout", "write_timeout"} {
		if transport[name] == nil {
			transport[name] = timeout
		}
	}
	return true
}

// requestURI is the variable for the URI of a request after the rewrites of the config,
// and before try_files chooses a script.
const requestURI = "socketio_request_uri"

// passRequestURI sets REQUEST_URI of FastCGI to the URI that the config rewrites to, and
// returns the routes. Front controllers choose an action by it. Caddy's own value is
// the URI before any rewrite, which is the same for all events. An env of the config
// takes precedence.
func passRequestURI(routes any) any {
	if !setRequestURI(routes) {
		return routes
	}
	keepRequestURI(routes)
	list, _ := routes.([]any)
	first := map[string]any{"handle": []any{requestURIHandler()}}
	return append([]any{first}, list...)
}

// requestURIHandler returns the handler that stores the current URI.
func requestURIHandler() map[string]any {
	return map[string]any{"handler": "vars", requestURI: "{http.request.uri}"}
}

// setRequestURI sets REQUEST_URI in each FastCGI transport of the config, and reports
// whether it has one.
func setRequestURI(config any) (found bool) {
	switch config := config.(type) {
	case []any:
		for _, member := range config {
			found = setRequestURI(member) || found
		}
	case map[string]any:
		if transport := fastCGI(config); transport != nil {
			env, _ := transport["env"].(map[string]any)
			if env == nil {
				env = make(map[string]any)
				transport["env"] = env
			}
			if env["REQUEST_URI"] == nil {
				env["REQUEST_URI"] = "{http.vars." + requestURI + "}"
			}
			found = true
		}
		for _, member := range config {
			found = setRequestURI(member) || found
		}
	}
	return found
}

// keepRequestURI adds the handler that stores the URI behind each rewrite of the config.
// A rewrite to a file that a matcher found is left out: it chooses the script.
func keepRequestURI(config any) {
	switch config := config.(type) {
	case []any:
		for _, member := range config {
			keepRequestURI(member)
		}
	case map[string]any:
		for key, member := range config {
			handlers, isList := member.([]any)
			if key == "handle" && isList {
				config[key] = keepURIsOf(handlers)
			}
			keepRequestURI(member)
		}
	}
}

// keepURIsOf returns the handlers, with another one behind each rewrite.
func keepURIsOf(handlers []any) (all []any) {
	for _, h := range handlers {
		all = append(all, h)
		handler, _ := h.(map[string]any)
		uri, _ := handler["uri"].(string)
		if handler["handler"] == "rewrite" && !strings.Contains(uri, "{http.matchers.file.") {
			all = append(all, requestURIHandler())
		}
	}
	return slices.Clip(all)
}
