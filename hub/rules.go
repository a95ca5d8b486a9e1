package hub

import (
	"slices"

	"github.com/caddy-socketio/caddy-socketio/internal/glob"
)

// rules are what a config says about a namespace.
type rules struct {
	name       string // or glob
	maxSockets int
	list       []rule
}

type rule struct {
	events   eventMatcher
	handlers []Handler
}

func newRules(config NamespaceConfig) *rules {
	all := &rules{name: config.Name, maxSockets: config.MaxSockets, list: make([]rule, len(config.Rules))}
	for i, r := range config.Rules {
		all.list[i] = rule{events: newEventMatcher(r.Events...), handlers: r.Handlers}
	}
	return all
}

// ruleFor returns the rule that handles an event, or nil.
func (r *rules) ruleFor(ev *Event) *rule {
	if r == nil {
		return nil
	}
	for i := range r.list {
		if r.list[i].events.matchEvent(ev) {
			return &r.list[i]
		}
	}
	return nil
}

// isFull reports whether a namespace has room for no other socket.
func (r *rules) isFull(sockets int) bool {
	return r != nil && r.maxSockets > 0 && sockets >= r.maxSockets
}

// declaredNamespaces are the namespaces of a config.
type declaredNamespaces struct {
	exact map[string]*rules
	globs []declaredGlob
}

type declaredGlob struct {
	glob.Glob
	rules *rules
}

func newDeclared(config []NamespaceConfig) *declaredNamespaces {
	d := &declaredNamespaces{exact: make(map[string]*rules)}
	for _, ns := range config {
		g := glob.NewSegments(ns.Name)
		if g.IsPlain() {
			d.exact[ns.Name] = newRules(ns)
			continue
		}
		d.globs = append(d.globs, declaredGlob{Glob: g, rules: newRules(ns)})
	}
	return d
}

// hasName reports whether the config has a name or a glob.
func (d *declaredNamespaces) hasName(name string) bool {
	_, exact := d.exact[name]
	return exact || slices.ContainsFunc(d.globs, func(g declaredGlob) bool { return g.String() == name })
}

// rulesFor returns the rules of a namespace, and whether the config has it.
func (d *declaredNamespaces) rulesFor(namespace string) (*rules, bool) {
	if d == nil {
		return nil, false
	}
	if r, ok := d.exact[namespace]; ok {
		return r, true
	}
	for _, g := range d.globs {
		if g.Match(namespace) {
			return g.rules, true
		}
	}
	return nil, false
}
