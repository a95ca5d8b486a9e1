package reach

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// passing are modules that pass every request on, or answer it on conditions that
// are not known here. None of them changes a path or a host.
var passing = []string{
	"authentication", "copy_response_headers", "encode", "intercept", "log_append", "map", "push",
	"request_body", "templates", "tracing", "vars", "acme_server", "rate_limit", "timeouts", "socketio", "socketio_api",
}

// beforeHandler returns the requests that a handler passes on and that are in the
// set then.
func (a *analysis) beforeHandler(h *handler, set []requests) []requests {
	switch h.name {
	case "subroute":
		before := a.beforeRoutes(h.subroutes, set)
		if h.catches {
			before = append(before, anyRequest(set)...)
		}
		return a.removeDuplicates(before)
	case "reverse_proxy":
		return a.beforeProxy(h, set)
	case "static_response":
		return a.beforeResponse(h, set)
	case "copy_response", "error", "metrics":
		return a.stopAll(h.name + " in front of it handles every request")
	case "file_server":
		var config struct {
			PassThru bool `json:"pass_thru"`
		}
		if json.Unmarshal(h.config, &config) != nil || config.PassThru {
			return set
		}
		return a.stopAll("file_server in front of it handles every request")
	case "rewrite":
		return a.beforeRewrite(h, set)
	case "headers":
		return anyHost(set) // it may set Host
	case "invoke":
		return a.beforeInvoke(h, set)
	case "socketio", "socketio_api":
		return a.beforeOwn(h, set)
	}
	if slices.Contains(passing, h.name) {
		return set
	}
	return anyRequest(set)
}

// stopAll returns the empty set, and keeps the reason.
func (a *analysis) stopAll(reason string) []requests {
	a.last = a.describeInFront(reason)
	return nil
}

// anyRequest returns the set of all requests. Only the groups are kept.
func anyRequest(set []requests) []requests {
	return mapRequests(set, func(q requests) requests { return requests{groups: q.groups} })
}

func anyHost(set []requests) []requests {
	return mapRequests(set, func(q requests) requests {
		q.hosts = nil
		return q
	})
}

func mapRequests(set []requests, change func(requests) requests) []requests {
	changed := make([]requests, 0, len(set))
	for _, q := range set {
		changed = append(changed, change(q))
	}
	return changed
}

// beforeProxy knows that requests pass a reverse proxy by routes for its responses
// only, as with forward_auth.
func (a *analysis) beforeProxy(h *handler, set []requests) []requests {
	var before []requests
	for _, routes := range h.responses {
		before = append(before, a.beforeRoutes(routes, set)...)
	}
	if len(before) == 0 {
		return a.stopAll("reverse_proxy in front of it handles every request")
	}
	return a.removeDuplicates(before)
}

func (a *analysis) beforeResponse(h *handler, set []requests) []requests {
	var config struct {
		StatusCode any         `json:"status_code"`
		Headers    http.Header `json:"headers"`
		Abort      bool        `json:"abort"`
	}
	if json.Unmarshal(h.config, &config) != nil {
		return anyRequest(set)
	}
	switch status := fmt.Sprint(config.StatusCode); {
	case config.Abort:
		return a.stopAll("abort in front of it ends every request")
	case status == "103" || strings.Contains(status, "{"):
		return set // Early Hints are no answer
	case config.Headers.Get("Location") != "":
		return a.stopAll("redir in front of it handles every request")
	}
	return a.stopAll("respond in front of it handles every request")
}

func (a *analysis) beforeInvoke(h *handler, set []requests) []requests {
	var config struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(h.config, &config)
	routes, ok := a.named[config.Name]
	if !ok || a.depth == maxDepth {
		return anyRequest(set)
	}
	a.depth++
	defer func() { a.depth-- }()
	return a.beforeRoutes(routes, set)
}

// beforeOwn knows that a handler of this module takes the requests under its prefix.
// A config with two of them works, with the first: that is never certain.
func (a *analysis) beforeOwn(h *handler, set []requests) []requests {
	if a.certain || h.own == nil {
		return set
	}
	before := slices.DeleteFunc(slices.Clone(set), func(q requests) bool { return strings.HasPrefix(q.prefix, h.own.Prefix) })
	if len(before) == 0 {
		a.last = obstacle{
			reason: fmt.Sprintf("another %s in front of it serves %s* already", h.name, h.own.Prefix),
			fix:    "remove one of them, or give it another path",
		}
	}
	return before
}

func (a *analysis) beforeRewrite(h *handler, set []requests) []requests {
	var config struct {
		URI       string            `json:"uri"`
		Prefix    string            `json:"strip_path_prefix"`
		Suffix    string            `json:"strip_path_suffix"`
		Substring []json.RawMessage `json:"uri_substring"`
		Regexp    []json.RawMessage `json:"path_regexp"`
	}
	if json.Unmarshal(h.config, &config) != nil || config.Suffix != "" || len(config.Substring)+len(config.Regexp) > 0 {
		return anyRequest(set)
	}
	to := config.URI
	if i := strings.IndexAny(to, "?#"); i >= 0 {
		to = to[:i]
	}
	switch {
	case to != "" && config.Prefix != "":
		return anyRequest(set)
	case to != "":
		return a.beforeSetPath(to, set)
	case config.Prefix != "":
		return a.beforeStrip(config.Prefix, set)
	}
	return set
}

// beforeSetPath is for a rewrite that sets the path.
func (a *analysis) beforeSetPath(to string, set []requests) []requests {
	if strings.Contains(to, "{") {
		if !a.certain && strings.Contains(to, "{http.matchers.file.") {
			return a.stopAll("try_files, or that of php_fastcgi, in front of it rewrites every path to that of a file")
		}
		return anyRequest(set)
	}
	if decoded, err := url.PathUnescape(to); err == nil {
		to = decoded
	}
	before := slices.DeleteFunc(slices.Clone(set), func(q requests) bool { return !strings.HasPrefix(to, q.prefix) })
	if len(before) == 0 {
		return a.stopAll("rewrite in front of it changes every path to " + to)
	}
	return mapRequests(before, func(q requests) requests {
		q.prefix = ""
		return q
	})
}

// beforeStrip is for a rewrite that strips a prefix from paths, regardless of case.
func (a *analysis) beforeStrip(prefix string, set []requests) []requests {
	if strings.ContainsAny(prefix, "{%") || strings.Contains(prefix, "//") {
		return anyRequest(set)
	}
	if !strings.HasPrefix(prefix, "/") {
		prefix = "/" + prefix
	}
	var before []requests
	for _, q := range set {
		for _, added := range []string{prefix + q.prefix, prefix + strings.TrimPrefix(q.prefix, "/")} {
			stripped := q
			stripped.prefix = added
			if q.prefix == "" {
				stripped.prefix = ""
			}
			before = append(before, stripped)
		}
		if !hasPrefixFold(q.prefix, prefix) {
			before = append(before, q)
		} else if !a.certain {
			// A Caddyfile that strips the handler's own prefix means requests for it.
			return a.stopAll(fmt.Sprintf("handle_path or uri strip_prefix in front of it strips %s from the path", prefix))
		}
	}
	return a.removeDuplicates(before)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
