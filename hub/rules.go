package hub

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/glob"
)

// rules are the rules of a namespace's config. A nil *rules has none.
type rules struct {
	name       string // of the config: a name or a glob
	maxSockets int
	list       []rule
	// hasParallel is true if a rule is parallel.
	hasParallel bool
	use         []timedHandler // for each event of a client
	// useReadsCounts is true if one of them reads counts, see [CountReader].
	useReadsCounts bool
	// useMayWait is true if one of them is not [Immediate].
	useMayWait bool
	every      []periodic
	tracking   *tracking
	history    []historyRule
	// hasRates is true if a rule has a rate.
	hasRates  bool
	roomRates []roomRateRule
}

// rule is one [Rule] of a namespace.
type rule struct {
	of     *rules
	label  string // its events, for operators
	number int    // its place in rules.list
	// handlerNames are the names of its handlers, for operators.
	handlerNames string
	events       eventMatcher
	rooms        glob.List // of RoomOccupied and RoomVacated; empty for all
	parallel     int       // see [Rule.Parallel]
	rate         Rate      // of its events, for each connection and namespace
	allowIDs     bool
	handlers     []timedHandler
	readsCounts  bool // see [CountReader]
	mayWait      bool // one of its handlers is not [Immediate]
}

// periodic is one [Periodic] of a namespace.
type periodic struct {
	interval time.Duration
	handlers []timedHandler
}

// newRules returns the rules of a namespace. timed adds their durations to handlers.
func newRules(config NamespaceConfig, timed func([]Handler) []timedHandler) *rules {
	all := &rules{name: config.Name, maxSockets: config.MaxSockets, list: make([]rule, len(config.Rules)), use: timed(config.Use), tracking: newTracking(&config)}
	all.history = newHistoryRules(config.History)
	all.roomRates = newRoomRateRules(config.RoomRates)
	all.useReadsCounts = readAnyCounts(all.use)
	all.useMayWait = slices.ContainsFunc(config.Use, mayWait)
	for i, r := range config.Rules {
		handlers := timed(r.Handlers)
		all.list[i] = rule{
			of: all, label: strings.Join(r.Events, " "), number: i, handlerNames: joinNames(handlers), events: newEventMatcher(r.Events...), rooms: glob.NewList(r.Rooms), handlers: handlers,
			parallel: r.Parallel, rate: r.Rate, allowIDs: r.AllowIDs, readsCounts: readAnyCounts(handlers),
			mayWait: slices.ContainsFunc(r.Handlers, mayWait),
		}
		if r.Parallel > 1 && !all.useMayWait && !all.list[i].mayWait {
			all.list[i].parallel = 1
		}
		all.hasParallel = all.hasParallel || r.Parallel > 0
		all.hasRates = all.hasRates || r.Rate.IsLimit()
	}
	for _, p := range config.Every {
		all.every = append(all.every, periodic{p.Interval, timed(p.Handlers)})
	}
	return all
}

// ruleFor returns the first rule that matches an event, or nil.
func (r *rules) ruleFor(ev *Event) *rule {
	if r == nil {
		return nil
	}
	for i := range r.list {
		if one := &r.list[i]; one.events.matchEvent(ev) && one.matchRoom(ev.Room) {
			return one
		}
	}
	return nil
}

// callUse calls the handlers that come before the rules for an event of a client, until
// one returns an error.
func (r *rules) callUse(ctx context.Context, ev *Event) error {
	if r == nil || ev.Type != ClientEvent {
		return nil
	}
	if r.useReadsCounts {
		defer func() { ev.readsCounts = false }() // the rule may read none
		return callInSteps(ctx, r.use, ev)
	}
	return callInOrder(ctx, r.use, ev)
}

// parallelRuleFor returns the first rule that matches an event if it is parallel, or nil.
func (r *rules) parallelRuleFor(ev *Event) *rule {
	if r == nil || !r.hasParallel {
		return nil
	}
	if one := r.ruleFor(ev); one != nil && one.parallel > 0 {
		return one
	}
	return nil
}

// matchRoom reports whether the rule handles events of a room. An event without a room
// has the empty name.
func (r *rule) matchRoom(room string) bool {
	return room == "" || len(r.rooms) == 0 || r.rooms.Match(room)
}

// mayWait reports whether a handler may wait for something. If none of a parallel rule does,
// its events would only compete for the processors: with the ones of other clients, too.
func mayWait(h Handler) bool {
	_, immediate := h.(Immediate)
	return !immediate
}

// readsCounts reports whether a handler reads counts.
func readsCounts(h Handler) bool {
	reader, ok := h.(CountReader)
	return ok && reader.ReadsCounts()
}

// callHandlers calls the rule's handlers for an event, until one returns an error.
func (r *rule) callHandlers(ctx context.Context, ev *Event) error {
	if r.readsCounts {
		return callInSteps(ctx, r.handlers, ev)
	}
	return callInOrder(ctx, r.handlers, ev)
}

// callInSteps is callInOrder for handlers of which one reads counts: consecutive
// [Immediate] handlers are one uninterrupted step.
func callInSteps(ctx context.Context, handlers []timedHandler, ev *Event) error {
	ev.readsCounts = true
	defer ev.EndStep()
	for i := range handlers {
		h := &handlers[i]
		if _, ok := h.Handler.(Immediate); ok {
			ev.BeginStep()
		} else {
			ev.EndStep()
		}
		if _, err := h.handleAt(ctx, ev, readClock()); err != nil {
			return err
		}
	}
	return nil
}

// isFull reports whether a namespace with so many sockets accepts no other one.
func (r *rules) isFull(sockets int) bool {
	return r != nil && r.maxSockets > 0 && sockets >= r.maxSockets
}

// declaredNamespaces are the namespaces of a config.
type declaredNamespaces struct {
	exact map[string]*rules
	globs []declaredGlob
}

// declaredGlob is the rules of all namespaces that match a glob.
type declaredGlob struct {
	glob.Glob
	rules *rules
}

func newDeclared(config []NamespaceConfig, timed func([]Handler) []timedHandler) *declaredNamespaces {
	d := &declaredNamespaces{exact: make(map[string]*rules)}
	for _, ns := range config {
		g := glob.NewSegments(ns.Name)
		if g.IsPlain() {
			d.exact[ns.Name] = newRules(ns, timed)
			continue
		}
		d.globs = append(d.globs, declaredGlob{Glob: g, rules: newRules(ns, timed)})
	}
	return d
}

// hasName reports whether the config has a name or a glob.
func (d *declaredNamespaces) hasName(name string) bool {
	_, exact := d.exact[name]
	return exact || slices.ContainsFunc(d.globs, func(g declaredGlob) bool { return g.String() == name })
}

// rulesFor returns the rules of a namespace. ok is false if the config does not have it.
func (d *declaredNamespaces) rulesFor(namespace string) (r *rules, ok bool) {
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
