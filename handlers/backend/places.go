package backend

import (
	"net/http"
	"slices"
	"strings"
)

// place is a kind of place in the config of HTTP handlers.
type place struct {
	name string // for errors
	// leastTrust is the trust of the least trusted values that may stand there.
	leastTrust trust
	// exempt are placeholders that may stand there in spite of their trust.
	exempt []string
	// render renders the text. If nil, Caddy does, without escapes.
	render func(*placedText, valueLookup) (string, error)
	// renderAll renders a text with any placeholder. Otherwise only a text with a value
	// that a client may have chosen is rendered.
	renderAll bool
	// skipAt reports whether the brace at an index of the text begins no placeholder.
	skipAt func(text string, at int) bool
	// check refuses a text that render can't make safe.
	check func(text string, names assigned) error
}

// The kinds of places.
var (
	// unlistedPlace is every place that is not in [places].
	unlistedPlace = &place{}
	// literalText is a text without placeholders for Caddy, like a regular expression.
	literalText = &place{leastTrust: chosenValue}
	// plainText is a text that is compared, logged or kept, or that Caddy escapes itself.
	// A name that gets its value from it has the trust of the value.
	plainText = &place{leastTrust: chosenValue}

	inPath = &place{name: "a path", leastTrust: chosenValue, render: renderPath, exempt: []string{
		uriName, "http.request.uri.path", "http.matchers.file.relative", "http.matchers.file.remainder",
	}}
	inQuery = &place{name: "a query", leastTrust: chosenValue, exempt: []string{"http.request.uri.query"}}
	inFile  = &place{name: "the path of a file", leastTrust: chosenValue, render: renderFile, exempt: []string{"http.request.uri.path"}}
	inRoot  = &place{name: "the root of files", leastTrust: vouchedValue, render: renderFile}

	inHeader  = &place{name: "a header", leastTrust: chosenValue, render: renderHeader}
	inAddress = &place{name: "the address of an upstream", leastTrust: vouchedValue, render: renderAddress}
	inHost    = &place{name: "the header Host", leastTrust: vouchedValue, render: renderAddress, exempt: []string{"http.request.host", "http.request.hostport"}}

	inResponseBody = &place{name: "a body", leastTrust: chosenValue, render: renderJSON, renderAll: true, skipAt: isTemplateAction, check: checkResponseBody}
	inRequestBody  = &place{name: "a body", leastTrust: chosenValue, render: renderJSON, skipAt: isTemplateAction, check: checkRequestBody}

	inExpression = &place{name: "an expression", leastTrust: chosenValue, check: checkExpression}
)

// places are the only places for placeholders whose value a client chooses. A key is
// the name of an HTTP handler and of a field in its JSON, without the indexes of lists.
// A star stands for any one key, two stars for all that follow.
var places = parsePlaces(map[string]*place{
	"rewrite.query.set.val": plainText, "rewrite.query.add.val": plainText,
	"rewrite.query.replace.search_regexp": literalText, "rewrite.path_regexp.find": literalText,
	"reverse_proxy.rewrite.query.set.val": plainText, "reverse_proxy.rewrite.query.add.val": plainText,
	"reverse_proxy.rewrite.query.replace.search_regexp": literalText, "reverse_proxy.rewrite.path_regexp.find": literalText,

	"headers.request.add.*": inHeader, "headers.request.set.*": inHeader,
	"headers.request.replace.*.search_regexp": literalText, "headers.response.replace.*.search_regexp": literalText,
	"headers.response.add.*": inHeader, "headers.response.set.*": inHeader,
	"reverse_proxy.headers.request.add.*": inHeader, "reverse_proxy.headers.request.set.*": inHeader,
	"reverse_proxy.headers.request.replace.*.search_regexp": literalText, "reverse_proxy.headers.response.replace.*.search_regexp": literalText,
	"reverse_proxy.headers.response.add.*": inHeader, "reverse_proxy.headers.response.set.*": inHeader,
	"static_response.headers.*": inHeader,

	"static_response.body": inResponseBody,
	"request_body.set":     inRequestBody,
	"error.error":          plainText,

	"vars.root": inRoot, "vars.*": plainText,
	"map.source": plainText, "map.defaults": plainText, "map.mappings.outputs": plainText,
	"map.mappings.input": literalText, "map.mappings.input_regexp": literalText, "map.destinations": literalText,

	"reverse_proxy.upstreams.dial": inAddress, "reverse_proxy.dynamic_upstreams.**": inAddress,
	"reverse_proxy.transport.root": inRoot, "file_server.root": inRoot, "templates.file_root": inRoot,

	"match.vars.*": plainText, "match.vars_regexp.*.pattern": literalText,
	"match.header_regexp.*.pattern": literalText, "match.path_regexp.pattern": literalText,
	"match.expression": inExpression, "match.expression.expr": inExpression,
	"match.file.root": inRoot, "match.file.try_files": inFile,
})

// reservedVars are the names of variables that Caddy's own handlers read. A client
// would choose its own address, for instance, or the file system.
var reservedVars = []string{
	"client_ip", "trusted_proxy", "fs", "log_skip", "log_level", "access_logger_names", "start_time", "uuid",
	"matchers.error", "unhandled", "trace_id", "span_id", "extended_connect_websocket_body",
	"reverse_proxy.proxy_protocol_info", "reverse_proxy.tls_h1_only", "reverse_proxy.proxy",
}

// placePattern is a key of [places].
type placePattern struct {
	path  []string
	place *place
}

// parsePlaces returns the patterns of a table, in the order in which they are tried.
func parsePlaces(table map[string]*place) (patterns []placePattern) {
	for path, p := range table {
		patterns = append(patterns, placePattern{strings.Split(path, "."), p})
	}
	// Patterns without stars come first.
	slices.SortFunc(patterns, func(a, b placePattern) int { return slices.Compare(b.path, a.path) })
	return patterns
}

// findPlace returns the place of a field by its path.
func findPlace(path []string) *place {
	i := slices.IndexFunc(places, func(p placePattern) bool { return p.matchesPath(path) })
	if i < 0 {
		return unlistedPlace
	}
	p, name := places[i].place, path[len(path)-1]
	switch {
	case (p == inHeader || path[0] == "vars") && strings.Contains(name, "{"):
		return unlistedPlace // the name may be any
	case p == inHeader && http.CanonicalHeaderKey(name) == "Host":
		return inHost
	case p == inHeader && slices.Contains(path, "request") && isWithheld(name) && !strings.HasPrefix(name, "X-Forwarded-"):
		return unlistedPlace // HTTP gives the header a meaning
	case path[0] == "vars" && slices.Contains(reservedVars, name):
		return unlistedPlace
	}
	return p
}

func (p placePattern) matchesPath(path []string) bool {
	for i, key := range p.path {
		switch {
		case key == "**":
			return len(path) > i
		case i >= len(path) || key != "*" && key != path[i]:
			return false
		}
	}
	return len(p.path) == len(path)
}
