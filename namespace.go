package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/backend"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddyserver/caddy/v2"
)

// Namespace says what happens in a namespace.
type Namespace struct {
	// Name is the namespace's name, like /chat, or a glob, like /org-*, for all
	// namespaces that match it. A star matches any text without a slash.
	Name string `json:"name"`
	// MaxSockets is how many sockets may be in the namespace on this server, or
	// in each that matches the glob. Others get the connect error "Too many
	// sockets". Default: no limit.
	MaxSockets int `json:"max_sockets,omitempty"`
	// On says what events do. The first entry that names an event handles it.
	// Other events are dropped.
	On []*Rule `json:"on,omitempty"`

	connectRule *Rule // of a Caddyfile: what lines with join have begun
	compiled    hub.NamespaceConfig
	fingerprint string
}

// Rule says what an event does.
type Rule struct {
	// Events are the names of events. connect, disconnecting and disconnect
	// are those of a socket's life; all others are events that clients emit,
	// and may be globs: a star matches any text, and all of these.
	Events []string `json:"events"`
	// Handle are the handlers, done in order. One that fails is the last: on
	// connect the client is refused.
	HandleRaw []json.RawMessage `json:"handle,omitempty" caddy:"namespace=socketio.handlers inline_key=handler"`
}

// provisionNamespaces checks the namespaces and loads the handlers of their events.
func (h *Handler) provisionNamespaces(ctx caddy.Context) error {
	unplaced := *h // a handler is the same on another line
	unplaced.Source = ""
	own, err := json.Marshal(&unplaced)
	if err != nil {
		return err
	}
	h.fingerprint = string(own)
	h.capturedKeys = handshake.Keys(own)
	for i, ns := range h.Namespaces {
		if ns == nil {
			return fmt.Errorf("namespaces: entry %d is null: expected a namespace", i)
		}
		if err := checkNamespace(ns.Name); err != nil {
			return err
		}
		if slices.ContainsFunc(h.Namespaces[:i], func(other *Namespace) bool { return other.Name == ns.Name }) {
			return fmt.Errorf("namespace %s is declared twice", ns.Name)
		}
		if err := ns.provisionRules(ctx); err != nil {
			return fmt.Errorf("namespace %s: %w", ns.Name, err)
		}
	}
	return nil
}

func (ns *Namespace) provisionRules(ctx caddy.Context) error {
	if ns.MaxSockets < 0 {
		return fmt.Errorf("max_sockets: unexpected %d: expected a number above 0", ns.MaxSockets)
	}
	own, err := json.Marshal(ns)
	if err != nil {
		return err
	}
	ns.fingerprint = string(own)
	if ctx, err = backend.WithRules(ctx, own); err != nil {
		return err
	}
	ns.compiled = hub.NamespaceConfig{Name: ns.Name, MaxSockets: ns.MaxSockets}
	for i, r := range ns.On {
		if r == nil {
			return fmt.Errorf("on: entry %d is null: expected events and their handlers", i)
		}
		if err := r.checkEvents(); err != nil {
			return err
		}
		handlers, err := r.loadHandlers(ctx)
		if err != nil {
			return fmt.Errorf("on %s: %w", strings.Join(r.Events, " "), err)
		}
		ns.compiled.Rules = append(ns.compiled.Rules, hub.Rule{Events: r.Events, Handlers: handlers})
	}
	return nil
}

// checkEvents refuses names that no event has.
func (r *Rule) checkEvents() error {
	if len(r.Events) == 0 {
		return errors.New("on: expected the names of events")
	}
	for _, name := range r.Events {
		switch name {
		case "":
			return errors.New("on: expected the name of an event, got an empty one")
		case "connect", "disconnecting", "disconnect":
			continue
		}
		if hub.CheckEvent(name) != nil {
			return fmt.Errorf("on %s: clients cannot emit this event: expected connect, disconnecting, disconnect or an event that clients emit", name)
		}
	}
	return nil
}

func (r *Rule) loadHandlers(ctx caddy.Context) ([]hub.Handler, error) {
	if len(r.HandleRaw) == 0 {
		return nil, nil
	}
	modules, err := ctx.LoadModule(r, "HandleRaw")
	if err != nil {
		return nil, err
	}
	var handlers []hub.Handler
	for _, m := range modules.([]any) {
		handler, ok := m.(hub.Handler)
		if !ok {
			return nil, fmt.Errorf("module %T is not a handler of events", m)
		}
		handlers = append(handlers, handler)
	}
	return handlers, nil
}

// checkNamespace refuses names that no client can ask for.
func checkNamespace(name string) error {
	if !strings.HasPrefix(name, "/") || strings.ContainsAny(name, ",? ") {
		return fmt.Errorf("namespace %q: expected a name that begins with a slash and has no comma, space or question mark, like /chat or /org-*", name)
	}
	return nil
}
