package reach

import (
	"fmt"
	"maps"
	"slices"
)

// maxRequests bounds the sets of requests: beyond it the analysis gives up, and the
// handler counts as reached.
const maxRequests = 100

// maxDepth bounds named routes that invoke each other.
const maxDepth = 20

// requests is a set of requests at some point of a server's routes. Each of them
// reaches the handler from there.
type requests struct {
	prefix string   // the path begins so
	hosts  []string // the host matches one of these; nil: any host
	// groups says of some groups of routes whether one of their routes, further in
	// front, has matched.
	groups map[string]bool
}

func (q requests) buildKey() string { return fmt.Sprint(q.prefix, q.hosts, q.groups) }

// withGroup returns the requests for which a route of a group, further in front, has
// matched or has not.
func (q requests) withGroup(name string, matched bool) requests {
	q.groups = maps.Clone(q.groups)
	if q.groups == nil {
		q.groups = make(map[string]bool)
	}
	q.groups[name] = matched
	return q
}

func (q requests) withoutGroup(name string) requests {
	q.groups = maps.Clone(q.groups)
	delete(q.groups, name)
	return q
}

// analysis finds out whether requests reach one handler.
type analysis struct {
	named map[string][]*route
	own   *Handler
	// certain counts a request as stopped only if it always is. Otherwise the paths
	// of clients stand for all paths, and the files of try_files exist.
	certain bool

	found obstacle // the last one that stopped requests for good
	last  obstacle // the last one that stopped any
	depth int      // of named routes
}

// obstacle is the reason why a handler is not reached, and the remedy.
type obstacle struct{ reason, fix string }

// describeMismatch is the obstacle of a handler whose own matchers do not let it be reached.
func (a *analysis) describeMismatch() obstacle {
	return obstacle{
		reason: fmt.Sprintf("its matcher, or a block around it, does not match %s*", a.own.Prefix),
		fix:    fmt.Sprintf("use one that does, like handle %s* { %s }, or set the option path", a.own.Prefix, a.own.Name),
	}
}

// describeInFront is an obstacle that stands in front of the handler.
func (a *analysis) describeInFront(reason string) obstacle {
	return obstacle{
		reason: reason,
		fix:    fmt.Sprintf("give it a block of its own in front, handle %s* { %s }, with its gates inside", a.own.Prefix, a.own.Name),
	}
}

// isReached reports whether requests can pass all that stands in front of a handler.
func (a *analysis) isReached(way []position) bool {
	set := []requests{{prefix: a.own.Prefix}}
	for _, at := range slices.Backward(way) {
		r := at.routes[at.route]
		if set = a.beforeHandlers(r.getHandlers()[:at.handler], set); len(set) == 0 {
			a.found = a.last
			return false
		}
		set = slices.DeleteFunc(set, func(q requests) bool { return !a.mayMatchAny(r.matchers, q) })
		if len(set) == 0 {
			a.found = a.describeMismatch()
			return false
		}
		for i := range set {
			set[i] = narrowHosts(set[i], r.matchers)
			if r.group != "" {
				set[i] = set[i].withGroup(r.group, false)
			}
		}
		if set = a.beforeRoutes(at.routes[:at.route], set); len(set) == 0 {
			return false
		}
	}
	return slices.ContainsFunc(set, isComplete)
}

// isComplete reports whether no route of a group is still to match in front.
func isComplete(q requests) bool {
	for _, matched := range q.groups {
		if matched {
			return false
		}
	}
	return true
}

// beforeRoutes returns the requests that pass the routes and are in the set then.
func (a *analysis) beforeRoutes(routes []*route, set []requests) []requests {
	for _, r := range slices.Backward(routes) {
		set = a.beforeRoute(r, set)
	}
	return set
}

func (a *analysis) beforeRoute(r *route, set []requests) []requests {
	before := make([]requests, 0, len(set)+1)
	for _, q := range set {
		matched, known := q.groups[r.group]
		if r.group == "" {
			known = false
		}
		found, taken := a.found, false // taken: the route lets none of the requests that it matches pass
		if !known || matched {         // else no route of the group may match
			executed := a.throughRoute(r, q)
			before = append(before, executed...)
			taken = len(executed) == 0
			a.found = found // obstacles inside the route are for its own requests
		}
		switch {
		case known && matched:
			before = append(before, q) // a route further in front matches
		case !a.coversAny(r.matchers, q):
			before = append(before, q)
		case known:
			a.found = a.describeInFront("an earlier route of its group takes every request")
		default:
			if taken {
				a.found = a.last
			}
			if r.group != "" {
				before = append(before, q.withGroup(r.group, true))
			}
		}
	}
	return a.removeDuplicates(before)
}

// throughRoute returns the requests that match a route and are passed on by it.
func (a *analysis) throughRoute(r *route, q requests) []requests {
	if r.terminal {
		if a.mayMatchAny(r.matchers, q) {
			a.last = a.describeInFront("a terminal route in front of it takes every request")
			a.beforeHandlers(r.getHandlers(), []requests{q}) // names the handler that answers
		}
		return nil
	}
	if r.group != "" {
		q = q.withoutGroup(r.group)
	}
	set := a.beforeHandlers(r.getHandlers(), []requests{q})
	set = slices.DeleteFunc(set, func(q requests) bool { return !a.mayMatchAny(r.matchers, q) })
	if r.group != "" {
		for i := range set {
			set[i] = set[i].withGroup(r.group, false)
		}
	}
	return set
}

func (a *analysis) beforeHandlers(handlers []*handler, set []requests) []requests {
	for _, h := range slices.Backward(handlers) {
		if len(set) == 0 {
			break
		}
		set = a.beforeHandler(h, set)
	}
	return set
}

// removeDuplicates removes duplicates from a set. A set that is too large becomes the set of all
// requests.
func (a *analysis) removeDuplicates(set []requests) []requests {
	if len(set) < 2 {
		return set
	}
	seen := make(map[string]bool)
	set = slices.DeleteFunc(set, func(q requests) bool {
		key := q.buildKey()
		defer func() { seen[key] = true }()
		return seen[key]
	})
	if len(set) > maxRequests {
		return []requests{{}}
	}
	return set
}
