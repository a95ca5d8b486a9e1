package reach

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// coversAny reports whether one of the sets matches all of the requests. No sets
// match every request.
func (a *analysis) coversAny(sets []matcherSet, q requests) bool {
	return len(sets) == 0 || slices.ContainsFunc(sets, func(set matcherSet) bool { return a.coversSet(set, q) })
}

func (a *analysis) coversSet(set matcherSet, q requests) bool {
	return !slices.ContainsFunc(set, func(m matcher) bool { return !a.matchesAll(m, q) })
}

// mayMatchAny reports whether one of the sets may match one of the requests.
func (a *analysis) mayMatchAny(sets []matcherSet, q requests) bool {
	return len(sets) == 0 || slices.ContainsFunc(sets, func(set matcherSet) bool { return a.mayMatchSet(set, q) })
}

func (a *analysis) mayMatchSet(set matcherSet, q requests) bool {
	return !slices.ContainsFunc(set, func(m matcher) bool { return !a.matchesSome(m, q) })
}

// matchesAll reports whether a matcher certainly matches all of the requests.
func (a *analysis) matchesAll(m matcher, q requests) bool {
	switch m.name {
	case "path":
		if slices.ContainsFunc(m.list, func(p string) bool { return coversPrefix(p, q.prefix) }) {
			return true
		}
		return !a.certain && a.samplesMatch(q, m.list, true)
	case "path_regexp":
		return !a.certain && a.samplesMatchRegexp(q, m.config, true)
	case "host":
		return q.hosts != nil && !slices.ContainsFunc(q.hosts, func(host string) bool {
			return !slices.ContainsFunc(m.list, func(pattern string) bool { return coversHost(pattern, host) })
		})
	case "file":
		return !a.certain && fallsBack(m.config)
	case "not":
		return !slices.ContainsFunc(m.not, func(set matcherSet) bool { return a.mayMatchSet(set, q) })
	}
	return false
}

// matchesSome reports whether a matcher may match some of the requests.
func (a *analysis) matchesSome(m matcher, q requests) bool {
	switch m.name {
	case "path":
		if !a.certain && q.prefix != "" {
			return a.samplesMatch(q, m.list, false)
		}
		return slices.ContainsFunc(m.list, func(p string) bool { return meetsPrefix(p, q.prefix) })
	case "path_regexp":
		return a.certain || q.prefix == "" || a.samplesMatchRegexp(q, m.config, false)
	case "host":
		return q.hosts == nil || slices.ContainsFunc(q.hosts, func(host string) bool {
			return slices.ContainsFunc(m.list, func(pattern string) bool { return meetsHost(pattern, host) })
		})
	case "not":
		return !slices.ContainsFunc(m.not, func(set matcherSet) bool { return a.coversSet(set, q) })
	}
	return true
}

// coversPrefix reports whether a pattern of the matcher path matches every path with
// a prefix.
func coversPrefix(pattern, prefix string) bool {
	if pattern == "*" {
		return true
	}
	text, last := strings.CutSuffix(pattern, "*")
	return last && !strings.ContainsAny(text, "*{%") && !strings.Contains(text, "//") && hasPrefixFold(prefix, text)
}

// meetsPrefix reports whether a pattern of the matcher path may match a path with a
// prefix.
func meetsPrefix(pattern, prefix string) bool {
	if strings.HasPrefix(pattern, "*") || strings.ContainsAny(pattern, "{%") {
		return true
	}
	text := pattern
	if i := strings.IndexAny(text, `*?[\`); i >= 0 {
		text = text[:i]
		return hasPrefixFold(prefix, text) || hasPrefixFold(text, prefix)
	}
	return hasPrefixFold(text, prefix)
}

// samplesMatch reports whether the paths that clients ask for match one of the
// patterns: all of the paths, or at least one.
func (a *analysis) samplesMatch(q requests, patterns []string, all bool) bool {
	m := slices.Clone(caddyhttp.MatchPath(patterns))
	if q.prefix == "" || m.Provision(caddy.Context{}) != nil {
		return false
	}
	ctx := context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer())
	return a.testSamples(q, all, func(path string) bool {
		matched, err := m.MatchWithError((&http.Request{URL: &url.URL{Path: path}}).WithContext(ctx))
		return err == nil && matched
	})
}

func (a *analysis) samplesMatchRegexp(q requests, config json.RawMessage, all bool) bool {
	var m struct {
		Pattern string `json:"pattern"`
	}
	if json.Unmarshal(config, &m) != nil || q.prefix == "" || strings.Contains(m.Pattern, "{") {
		return !all
	}
	re, err := regexp.Compile(m.Pattern)
	if err != nil {
		return !all
	}
	return a.testSamples(q, all, re.MatchString)
}

// testSamples calls match for the paths that clients ask for.
func (a *analysis) testSamples(q requests, all bool, match func(path string) bool) bool {
	return slices.ContainsFunc(a.own.Suffixes, func(suffix string) bool { return match(q.prefix+suffix) != all }) != all
}

// fallsBack reports whether try_files ends in a file that is there for all paths.
func fallsBack(config json.RawMessage) bool {
	var m struct {
		TryFiles []string `json:"try_files"`
	}
	if json.Unmarshal(config, &m) != nil || len(m.TryFiles) == 0 {
		return false
	}
	return !strings.Contains(m.TryFiles[len(m.TryFiles)-1], "{")
}

// narrowHosts notes for which hosts a route is.
func narrowHosts(q requests, sets []matcherSet) requests {
	if q.hosts != nil {
		return q
	}
	var hosts []string
	for _, set := range sets {
		i := slices.IndexFunc(set, func(m matcher) bool { return m.name == "host" })
		if i < 0 {
			return q
		}
		list := set[i].list
		if slices.ContainsFunc(list, func(host string) bool { return strings.Contains(host, "{") }) {
			return q
		}
		hosts = append(hosts, list...)
	}
	q.hosts = hosts
	return q
}

// coversHost reports whether a pattern matches all that host, a pattern too, matches.
func coversHost(pattern, host string) bool {
	return compareHosts(pattern, host, func(p, h string) bool { return p == "*" || h != "*" && strings.EqualFold(p, h) })
}

// meetsHost reports whether two patterns may match the same host.
func meetsHost(pattern, host string) bool {
	return strings.Contains(pattern, "{") ||
		compareHosts(pattern, host, func(p, h string) bool { return p == "*" || h == "*" || strings.EqualFold(p, h) })
}

func compareHosts(pattern, host string, compare func(p, h string) bool) bool {
	if !strings.Contains(pattern, "*") && !strings.Contains(host, "*") {
		return strings.EqualFold(pattern, host)
	}
	ps, hs := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(ps) != len(hs) {
		return false
	}
	for i := range ps {
		if !compare(ps[i], hs[i]) {
			return false
		}
	}
	return true
}
