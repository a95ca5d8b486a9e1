package hub

import (
	"context"
	"iter"
	"slices"
)

// Handler handles events.
type Handler interface {
	// HandleEvent handles one event of a socket. It is called for one event
	// of a socket at a time, and for different sockets at the same time. An
	// error ends the handling of the event: on Connect it refuses the socket,
	// see [ClientError] and [Outage]; on a client's event it is the
	// acknowledgement {"error": MESSAGE}, where one was asked and not yet
	// given. The context ends with the hub; on Connect, with the client's
	// connection too: nobody waits for the verdict any more. What a client has
	// sent is handled even when it has gone, but an event that takes longer than
	// two seconds then is given up: its context ends, and the events behind it
	// are dropped.
	HandleEvent(ctx context.Context, ev *Event) error
}

// Gate is a [Handler] that decides who is let in and changes nothing else. When a
// client comes back to its socket, gates of the connect event are asked again, as the
// only handlers: a token may have expired meanwhile. A handler by which a socket gets
// the rights of a user is an [Identifier], too.
type Gate interface {
	Handler
	// Gate does nothing. It marks the handler.
	Gate()
}

// Identifier is a [Handler] that knows on connect which user a client is. When a
// client comes back to a socket that lost its connection, Identify is called instead
// of HandleEvent, before anything is restored: the socket is recovered only if the
// identities are those that it had when it connected.
type Identifier interface {
	Handler
	// Identify calls [Event.AddIdentity] as HandleEvent does on connect, and
	// changes nothing else that others see. After an error the client gets a new
	// socket; after an [Outage] its connection is closed.
	Identify(ctx context.Context, ev *Event) error
}

// HandlerFunc is a function that is a [Handler].
type HandlerFunc func(ctx context.Context, ev *Event) error

// HandleEvent calls f.
func (f HandlerFunc) HandleEvent(ctx context.Context, ev *Event) error { return f(ctx, ev) }

// listener is a handler of a Go program.
type listener struct {
	events  eventMatcher
	handler Handler
}

// On makes h handle an event of the namespace's sockets: "connect",
// "disconnecting", "disconnect", the name of a client's event, or a glob that
// client's events match ("*" stands for any text). Several handlers of one event
// are called in the order in which they were given, after what the config says
// about it; the first error ends that. The returned function takes the handler
// away again.
func (ns *Namespace) On(event string, h Handler) (off func()) {
	l := &listener{events: newEventMatcher(event), handler: h}
	ns.changeListeners(func(all []*listener) []*listener { return append(all, l) })
	return func() {
		ns.changeListeners(func(all []*listener) []*listener {
			return slices.DeleteFunc(all, func(other *listener) bool { return other == l })
		})
	}
}

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

// hasNoConnectHandler reports whether nobody has a say when a socket connects.
func (ns *Namespace) hasNoConnectHandler() bool {
	ev := &Event{Type: Connect, Name: string(Connect)}
	if ns.rules.Load().ruleFor(ev) != nil {
		return false
	}
	all := ns.listeners.Load()
	return all == nil || !slices.ContainsFunc(*all, func(l *listener) bool { return l.events.matchEvent(ev) })
}

// handlersOf returns the handlers of an event: those of the config's first rule that
// matches, then those of Go programs.
func (ns *Namespace) handlersOf(ev *Event) iter.Seq[Handler] {
	return func(yield func(Handler) bool) {
		if rule := ns.rules.Load().ruleFor(ev); rule != nil {
			for _, h := range rule.handlers {
				if !yield(h) {
					return
				}
			}
		}
		all := ns.listeners.Load()
		if all == nil {
			return
		}
		for _, l := range *all {
			if l.events.matchEvent(ev) && !yield(l.handler) {
				return
			}
		}
	}
}

// callHandlers lets handlers have an event: those of the config's first rule that
// matches, then those of Go programs.
func (ns *Namespace) callHandlers(ev *Event) error {
	ctx := ev.handlerContext()
	handled := false
	if rule := ns.rules.Load().ruleFor(ev); rule != nil {
		handled = true
		for _, h := range rule.handlers {
			if err := h.HandleEvent(ctx, ev); err != nil {
				return err
			}
		}
	}
	if all := ns.listeners.Load(); all != nil {
		for _, l := range *all {
			if !l.events.matchEvent(ev) {
				continue
			}
			handled = true
			if err := l.handler.HandleEvent(ctx, ev); err != nil {
				return err
			}
		}
	}
	if !handled && ev.Type == ClientEvent {
		ns.hub.logEvent("event dropped: nothing handles it", ev, nil)
	}
	return nil
}

// callIdentifiers has the Identifiers of the connect event say which user a client is.
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

// callGates lets the Gates of the connect event have it that have not identified the
// client, and nobody else.
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
