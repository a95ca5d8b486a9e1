package hub

import (
	"context"
	"iter"
	"slices"
)

// Handler handles events.
type Handler interface {
	// HandleEvent handles one event of a socket. It is called for one event of a
	// socket at a time, and for different sockets at the same time. Only for a [Rule]
	// with Parallel it is called for several events of a socket at a time.
	//
	// After an error no other handler is called. On Connect the error becomes a
	// connect error, see [ClientError] and [Outage]. On a client's event it becomes
	// the acknowledgement {"error": MESSAGE}, if the event has one that was not sent.
	//
	// The context ends with the hub and, on Connect, with the client's connection. A
	// client's events are handled after its connection closed, too. From then on an
	// event may take 2 s: then its context ends, and the events behind it are dropped.
	// For a [Rule] with Parallel it ends when the socket disconnects.
	HandleEvent(ctx context.Context, ev *Event) error
}

// Gate is a [Handler] that decides whether a client may connect, and changes nothing
// else. When a client recovers its socket, the gates of the connect event are called
// again, as the only handlers: a token may have expired meanwhile. A handler that gives
// a socket the rights of a user is an [Identifier], too.
type Gate interface {
	Handler
	// Gate does nothing. It marks the handler.
	Gate()
}

// Identifier is a [Handler] that identifies the user of a client on connect. When a
// client reconnects to a lost socket, Identify is called instead of HandleEvent, before
// anything is restored. The socket is recovered only with the identities that it had
// when it connected.
type Identifier interface {
	Handler
	// Identify calls [Event.AddIdentity] as HandleEvent does on connect, and has no
	// other effect that sockets can observe. After an error the client gets a new
	// socket; after an [Outage] its connection is closed.
	Identify(ctx context.Context, ev *Event) error
}

// SocketFree is a [Handler] that can handle events whose Socket is nil: RoomOccupied,
// RoomVacated and Every. A config whose rules for these events have another handler does
// not load.
type SocketFree interface {
	Handler
	// CheckSocketFree returns an error if the handler is configured for events of
	// sockets only. The error names the setting that needs a socket. It is called after
	// the handler is provisioned, and after it is read from a Caddyfile.
	CheckSocketFree() error
}

// HandlerFunc is a function that is a [Handler].
type HandlerFunc func(ctx context.Context, ev *Event) error

// HandleEvent calls f.
func (f HandlerFunc) HandleEvent(ctx context.Context, ev *Event) error { return f(ctx, ev) }

// listener is a handler that a Go program added with [Namespace.On].
type listener struct {
	events  eventMatcher
	handler timedHandler
}

// On adds a handler for an event of the namespace's sockets: "connect",
// "disconnecting", "disconnect", the name of a client's event, or a glob for clients'
// events ("*" stands for any text). Events of "room_occupied" and "room_vacated" have no
// socket. Several handlers of one event are called in the
// order in which they were added, after the handlers of the config. After an error no
// other one is called. The returned function removes the handler.
func (ns *Namespace) On(event string, h Handler) (off func()) {
	l := &listener{events: newEventMatcher(event), handler: timedHandler{h, goHandler, ns.hub.handlerTimes.histogramOf(goHandler)}}
	ns.changeListeners(func(all []*listener) []*listener { return append(all, l) })
	return func() {
		ns.changeListeners(func(all []*listener) []*listener {
			return slices.DeleteFunc(all, func(other *listener) bool { return other == l })
		})
	}
}

// changeListeners replaces the list of listeners: readers take no lock.
func (ns *Namespace) changeListeners(change func([]*listener) []*listener) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	var all []*listener
	if old := ns.listeners.Load(); old != nil {
		all = slices.Clone(*old)
	}
	all = change(all)
	ns.listeners.Store(&all)
}

// hasNoConnectHandler reports whether no handler is called when a socket connects.
func (ns *Namespace) hasNoConnectHandler() bool {
	ev := &Event{Type: Connect, Name: string(Connect)}
	if ns.rules.Load().ruleFor(ev) != nil {
		return false
	}
	all := ns.listeners.Load()
	return all == nil || !slices.ContainsFunc(*all, func(l *listener) bool { return l.events.matchEvent(ev) })
}

// handlersOf returns the handlers of an event: the ones of the config's first rule that
// matches, then the ones of Go programs.
func (ns *Namespace) handlersOf(ev *Event) iter.Seq[Handler] {
	return func(yield func(Handler) bool) {
		if rule := ns.rules.Load().ruleFor(ev); rule != nil {
			for _, h := range rule.handlers {
				if !yield(h.Handler) {
					return
				}
			}
		}
		all := ns.listeners.Load()
		if all == nil {
			return
		}
		for _, l := range *all {
			if l.events.matchEvent(ev) && !yield(l.handler.Handler) {
				return
			}
		}
	}
}

// callHandlers calls the handlers of an event in the order of handlersOf, until one
// returns an error. The ones of Use come first.
func (ns *Namespace) callHandlers(ev *Event) error {
	return ns.callRule(ns.rules.Load().ruleFor(ev), ev)
}

// callRule is callHandlers for the rule of the event, nil without one.
func (ns *Namespace) callRule(rule *rule, ev *Event) error {
	defer ev.EndStep() // a listener may have begun one
	ctx := ev.handlerContext()
	if ev.Type == ClientEvent {
		ev.Socket.noteLastEvent(ev, rule)
	}
	return ns.callTraced(ctx, rule, ev)
}

// callRuleWith calls the handlers of an event with a context.
func (ns *Namespace) callRuleWith(ctx context.Context, rule *rule, ev *Event) error {
	all := ns.rules.Load()
	if rule != nil {
		all = rule.of // a new config may have come meanwhile
	}
	if err := all.callUse(ctx, ev); err != nil {
		return err
	}
	handled := rule != nil
	if rule != nil {
		if err := rule.callHandlers(ctx, ev); err != nil {
			return err
		}
	}
	if listeners := ns.listeners.Load(); listeners != nil {
		for _, l := range *listeners {
			if !l.events.matchEvent(ev) {
				continue
			}
			handled = true
			if _, err := l.handler.handleAt(ctx, ev, readClock()); err != nil {
				return err
			}
		}
	}
	if !handled && ev.Type == ClientEvent {
		ns.logUnmatchedEvent(ev)
	}
	return nil
}

// callIdentifiers calls the Identifiers of a connect event, until one returns an error.
func (ns *Namespace) callIdentifiers(ev *Event) error {
	for h := range ns.handlersOf(ev) {
		if h, ok := h.(Identifier); ok {
			if err := h.Identify(ev.handlerContext(), ev); err != nil {
				return err
			}
		}
	}
	return nil
}

// callGates calls the Gates of a connect event, until one returns an error. Identifiers
// were called before.
func (ns *Namespace) callGates(ev *Event) error {
	for h := range ns.handlersOf(ev) {
		if _, identified := h.(Identifier); identified {
			continue
		}
		if _, ok := h.(Gate); !ok {
			continue
		}
		if err := h.HandleEvent(ev.handlerContext(), ev); err != nil {
			return err
		}
	}
	return nil
}
