package socketio

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// hostTable finds the first route of a list that handles all requests for a host.
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

// findFirst returns the index of the first route that handles all requests for a host.
func (t *hostTable) findFirst(host string) int {
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

// splitMatchers returns the hosts of a route, or nil if it matches any host, and the
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
		slices.Sort(text) // Caddy loads them from a map
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

// hostPatterns returns the names and patterns of a host matcher, or nil for another
// matcher.
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

// parseHostname returns the host of a request, without its port.
func parseHostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// matchHost reports whether a host matches a name or pattern, like Caddy's host matcher:
// a star is one label. Both are in lower case.
func matchHost(pattern, host string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == host
	}
	labels, of := strings.Split(pattern, "."), strings.Split(host, ".")
	return slices.EqualFunc(labels, of, func(label, got string) bool { return label == "*" || label == got })
}
