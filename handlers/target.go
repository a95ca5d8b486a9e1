package handlers

import (
	"errors"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Target is the sockets that a handler acts on, on all nodes of the cluster. Without In
// and All a handler acts on the event's socket.
type Target struct {
	// In are rooms, with placeholders as in join. Each socket in at least one of them
	// belongs to the target, the event's socket too. Default: none.
	In []string `json:"in,omitempty"`
	// All stands for all sockets of the namespace, the event's socket too. Default: false.
	All bool `json:"all,omitempty"`
	// Except are rooms whose sockets do not belong to the target. A socket's id is the
	// name of a room. It needs In or All. Default: none.
	Except []string `json:"except,omitempty"`

	in, except placeholder.Rooms
}

// compileTarget compiles the rooms.
func (t *Target) compileTarget() (err error) {
	switch {
	case t.All && t.In != nil:
		return errors.New("in and all exclude each other")
	case t.In != nil && len(t.In) == 0:
		return errors.New("in: expected one or more rooms")
	case len(t.Except) > 0 && !t.hasTarget():
		return errors.New("except goes with in or all")
	}
	if t.in, err = placeholder.NewRooms(t.In); err != nil {
		return err
	}
	t.except, err = placeholder.NewRooms(t.Except)
	return err
}

// hasTarget reports whether the handler acts on a target, and not on the event's socket.
func (t *Target) hasTarget() bool { return t.All || len(t.In) > 0 }

// broadcastFor returns the target for an event. The errors are the ones of
// [placeholder.Rooms.For].
func (t *Target) broadcastFor(ev *hub.Event) (hub.Broadcast, error) {
	target := ev.Namespace().All()
	if !t.All {
		names, err := t.in.For(ev)
		if err != nil {
			return target, err
		}
		target = target.In(names...)
	}
	names, err := t.except.For(ev)
	return target.Except(names...), err
}

// checkSocketFree returns an error without a target, or if a placeholder needs a socket:
// of the target, or one of further keys.
func (t *Target) checkSocketFree(keys []string) error {
	if !t.hasTarget() {
		return errors.New("without in or all it needs a socket")
	}
	return placeholder.CheckSocketFree(slices.Concat(t.in.Keys(), t.except.Keys(), keys))
}

// UnmarshalTarget sets up the target before the name of the handler:
//
//	in <room...> [except <room...>]
//	all [except <room...>]
func (t *Target) UnmarshalTarget(d *caddyfile.Dispenser) error {
	target, err := directive.ParseTarget(d)
	if err != nil {
		return err
	}
	if target.To != nil || target.Broadcast || target.Volatile || target.Local {
		return d.Err("to, broadcast, volatile and local go with emit: expected in ROOM... or all, and optionally except ROOM...")
	}
	t.In, t.All, t.Except = target.In, target.All, target.Except
	if err := t.compileTarget(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
