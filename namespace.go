package socketio

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers"
	"github.com/caddy-socketio/caddy-socketio/handlers/backend"
	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddyserver/caddy/v2"
)

// Namespace configures a namespace, or all namespaces that match a glob.
type Namespace struct {
	// Name is the name of the namespace, like /chat, or a glob, like /org-*, for all
	// namespaces that match it. A star matches any text without a slash.
	Name string `json:"name"`
	// MaxSockets is the maximum number of sockets in the namespace on this node, or in
	// each namespace that matches the glob. Further clients get the connect error "Too
	// many sockets". Default: no limit.
	MaxSockets int `json:"max_sockets,omitempty"`
	// On are the rules. The first rule that names an event handles it. An event without a
	// rule is dropped. Default: no rules.
	On []*Rule `json:"on,omitempty"`
	// Use are handlers that run before the rule of each event that a client emits, also of
	// an event without a rule. A handler that fails is the last to run. They do not run for
	// connect, disconnecting and disconnect. Default: none.
	UseRaw []json.RawMessage `json:"use,omitempty" caddy:"namespace=socketio.handlers inline_key=handler"`
	// Every has handlers that run again and again, on one node of the cluster, as long as
	// the namespace exists: one that matches a glob exists while it has sockets. Default:
	// none.
	Every []*Every `json:"every,omitempty"`
	// History is which events of rooms are kept for sockets that join by a join handler with
	// history. The first entry that matches a room applies. Default: none.
	History []*History `json:"history,omitempty"`

	// RateLimits limit the emits of clients' events to each of some rooms, on this node. The
	// first entry that matches a room applies. Default: no limits.
	RateLimits []*RoomRateLimit `json:"rate_limits,omitempty"`

	// Presence are the rooms that have members: their sockets see each other come and go.
	// The first entry that names a room counts. Default: none.
	Presence []*Presence `json:"presence,omitempty"`

	connectRule *Rule // made by join lines of a Caddyfile, until a rule for connect follows
	compiled    hub.NamespaceConfig
	fingerprint string
}

// Rule has the handlers of events.
type Rule struct {
	// Events are names and globs of events. connect, disconnecting and disconnect are the
	// events of a socket's life, room_occupied and room_vacated the ones of a room's life.
	// All others are events that clients emit. A star matches any text, and never the five
	// events of a socket's or a room's life.
	Events []string `json:"events"`
	// Rooms are names and globs of the rooms whose room_occupied and room_vacated the rule
	// handles. A star matches any text. Default: all rooms.
	Rooms []string `json:"rooms,omitempty"`
	// Parallel is how many events of the rule run at a time for one socket, from 1 to 256.
	// They neither wait for the socket's other events nor hold them up. When the socket
	// disconnects, they are canceled. Default: the events of a socket run one after
	// another.
	Parallel int `json:"parallel,omitempty"`
	// RateLimit limits the events of the rule for each connection. It has no bytes. Default: no
	// limit.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// AllowIDs allows join, and replies of backend, to join rooms that are named like the
	// id of another socket. Who is in such a room also gets the events for that socket
	// alone. Default: false.
	AllowIDs bool `json:"allow_ids,omitempty"`
	// Handle are the handlers, which run in order. A handler that fails is the last to
	// run, and on connect the client gets a connect error. Default: none.
	HandleRaw []json.RawMessage `json:"handle,omitempty" caddy:"namespace=socketio.handlers inline_key=handler"`

	place string // in a Caddyfile
}

// provisionNamespaces checks the namespaces and loads the handlers of their rules.
func (h *Handler) provisionNamespaces(ctx caddy.Context) error {
	unplaced := *h // the place is not part of the identity
	unplaced.Source = ""
	own, err := json.Marshal(&unplaced)
	if err != nil {
		return err
	}
	h.fingerprint = string(own)
	h.capturedKeys = handshake.FindCapturedKeys(own)
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
		if err := ns.provisionRules(ctx, h.Path); err != nil {
			return fmt.Errorf("namespace %s: %w", ns.Name, err)
		}
	}
	return nil
}

// provisionRules checks the namespace and loads the handlers of its rules. path is the one
// of the handler that declares it.
func (ns *Namespace) provisionRules(ctx caddy.Context, path string) error {
	if ns.MaxSockets < 0 {
		return fmt.Errorf("max_sockets: unexpected %d: expected a number above 0", ns.MaxSockets)
	}
	own, err := json.Marshal(ns)
	if err != nil {
		return err
	}
	ns.fingerprint = string(own)
	if ctx, err = backend.WithRules(ctx, path, own); err != nil {
		return err
	}
	ns.compiled = hub.NamespaceConfig{Name: ns.Name, MaxSockets: ns.MaxSockets}
	ns.compiled.ClusterRooms, ns.compiled.ClusterSize = placeholder.FindClusterCounts(own)
	for i, one := range ns.Presence {
		compiled, err := one.compile()
		if err != nil {
			return fmt.Errorf("presence %d: %w", i, err)
		}
		ns.compiled.Presence = append(ns.compiled.Presence, compiled)
	}
	if err := cmp.Or(ns.provisionHistory(), ns.provisionRates()); err != nil {
		return err
	}
	if len(ns.History) > 0 {
		ctx = handlers.WithHistory(ctx)
	}
	for i, r := range ns.On {
		if r == nil {
			return fmt.Errorf("on: entry %d is null: expected events and their handlers", i)
		}
		if err := r.checkEvents(); err != nil {
			return err
		}
		if err := cmp.Or(r.checkRooms(), r.checkParallel(), r.checkRate()); err != nil {
			return err
		}
		if err := (&Namespace{On: ns.On[:i]}).checkReached(r); err != nil {
			return err
		}
		loaded, err := r.loadHandlers(ctx)
		if err == nil && r.isForRooms() {
			err = checkSocketFree(loaded)
		}
		if err != nil {
			return fmt.Errorf("on %s: %w", strings.Join(r.Events, " "), err)
		}
		ns.compiled.Rules = append(ns.compiled.Rules, hub.Rule{
			Events: r.Events, Rooms: r.Rooms, Parallel: r.Parallel, Rate: r.rate(), AllowIDs: r.AllowIDs, Handlers: loaded,
		})
	}
	if err := ns.provisionUse(ctx); err != nil {
		return err
	}
	return ns.provisionEvery(ctx)
}

// checkEvents returns an error for names that no event can have.
func (r *Rule) checkEvents() error {
	if len(r.Events) == 0 {
		return errors.New("on: expected the names of events")
	}
	for _, name := range r.Events {
		switch name {
		case "":
			return errors.New("on: expected the name of an event, got an empty one")
		case "connect", "disconnecting", "disconnect", "room_occupied", "room_vacated":
			continue
		}
		if hub.CheckEvent(name) != nil {
			return fmt.Errorf("on %s: clients cannot emit this event: expected connect, disconnecting, disconnect or an event that clients emit", name)
		}
	}
	return nil
}

// isRoomEvent reports whether a name is an event of a room's life.
func isRoomEvent(name string) bool {
	return name == string(hub.RoomOccupied) || name == string(hub.RoomVacated)
}

// isForRooms reports whether the rule handles events of a room's life.
func (r *Rule) isForRooms() bool { return slices.ContainsFunc(r.Events, isRoomEvent) }

// checkRooms returns an error for a rule that mixes events of rooms with events of
// sockets, or has rooms without events of rooms.
func (r *Rule) checkRooms() error {
	if !r.isForRooms() {
		if len(r.Rooms) > 0 {
			return fmt.Errorf("on %s: unexpected rooms: only room_occupied and room_vacated have rooms", strings.Join(r.Events, " "))
		}
		return nil
	}
	if i := slices.IndexFunc(r.Events, func(name string) bool { return !isRoomEvent(name) }); i >= 0 {
		return fmt.Errorf("on %s: unexpected %s: room_occupied and room_vacated have no socket and go into a rule of their own",
			strings.Join(r.Events, " "), r.Events[i])
	}
	if slices.Contains(r.Rooms, "") {
		return fmt.Errorf("on %s: rooms: expected names or globs of rooms, got an empty one", strings.Join(r.Events, " "))
	}
	return nil
}

func (r *Rule) loadHandlers(ctx caddy.Context) ([]hub.Handler, error) {
	if len(r.HandleRaw) == 0 {
		return nil, nil
	}
	return loadHandlers(ctx, r, "HandleRaw")
}

// loadHandlers loads the modules in a field of a struct as handlers.
func loadHandlers(ctx caddy.Context, of any, field string) ([]hub.Handler, error) {
	modules, err := ctx.LoadModule(of, field)
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

// checkNamespace returns an error for a name that no client can connect to.
func checkNamespace(name string) error {
	if !strings.HasPrefix(name, "/") || strings.ContainsAny(name, ",? ") {
		return fmt.Errorf("namespace %q: expected a name that begins with a slash and has no comma, space or question mark, like /chat or /org-*", name)
	}
	return nil
}
