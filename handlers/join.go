package handlers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Join{}) }

// Join joins the socket, or the sockets of its target, to rooms: to all of them or, with
// an error, to none. A room that is named like the id of another socket than the event's is
// an error, unless the rule has allow_ids.
type Join struct {
	Target
	// Rooms are the names of one or more rooms, with placeholders. A single placeholder
	// for a list stands for each of its members. A name must not be empty.
	Rooms []string `json:"rooms,omitempty"`
	// Max is the number of sockets of this node that each of the rooms may have, the
	// socket included. A further one joins none of the rooms, with the error "room is
	// full". It goes without In and All. Default: no limit.
	Max int `json:"max,omitempty"`
	// History sends the socket the kept events of the rooms that it was not in before. The
	// namespace has the option history then. It goes without In and All. Default: false.
	History bool `json:"history,omitempty"`

	rooms placeholder.Rooms
}

// CaddyModule returns the Caddy module information.
func (Join) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.join", New: func() caddy.Module { return new(Join) }}
}

// Provision compiles the rooms.
func (j *Join) Provision(ctx caddy.Context) (err error) {
	if err := j.compileTarget(); err != nil {
		return err
	}
	if err := j.checkOptions(); err != nil {
		return err
	}
	if j.History && ctx.Value(historyKey{}) == nil {
		return errors.New("history: the namespace keeps no events: add history ROOM... to the namespace")
	}
	j.rooms, err = compileRooms(j.Rooms)
	return err
}

// historyKey is the key of the context value that [WithHistory] adds.
type historyKey struct{}

// WithHistory returns a context for provisioning the handlers of a namespace that keeps
// events of rooms: its joins may have history.
func WithHistory(ctx caddy.Context) caddy.Context { return ctx.WithValue(historyKey{}, true) }

// checkOptions returns an error for options that do not go with each other or the target.
func (j *Join) checkOptions() error {
	switch {
	case j.History && j.hasTarget():
		return errors.New("history goes without in and all: it sends events to the event's socket")
	case j.Max < 0:
		return fmt.Errorf("max: unexpected %d: expected a number above 0", j.Max)
	case j.Max > 0 && j.hasTarget():
		return errors.New("max goes without in and all: it limits the joins of the event's socket")
	}
	return nil
}

// UnmarshalCaddyfile sets up the handler:
//
//	[in <room...> | all] [except <room...>] join <room...> {
//		max <number>
//		history
//	}
func (j *Join) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	if j.Rooms, err = parseRoomNames(d); err != nil {
		return err
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "max":
			err = j.parseMax(d)
		case "history":
			if j.History = true; d.NextArg() {
				err = d.Errf("join: history takes no argument, got %q: the namespace's option history has the number of events", d.Val())
			}
		default:
			err = d.Errf("join: unknown option %q: expected max or history", d.Val())
		}
		if err != nil {
			return err
		}
	}
	if err := j.checkOptions(); err != nil {
		return d.Errf("join: %v", err)
	}
	return nil
}

// parseMax reads the option max.
func (j *Join) parseMax(d *caddyfile.Dispenser) (err error) {
	if j.Max > 0 {
		return d.Err("join: max is given twice")
	}
	text := d.RemainingArgs()
	if len(text) != 1 {
		return d.Errf("join: max: unexpected %q: expected a number above 0", strings.Join(text, " "))
	}
	if j.Max, err = strconv.Atoi(text[0]); err != nil || j.Max < 1 {
		return d.Errf("join: max: unexpected %q: expected a number above 0", text[0])
	}
	return nil
}

// HandleEvent joins the rooms. A target does not include a socket that is connecting.
func (j *Join) HandleEvent(ctx context.Context, ev *hub.Event) error {
	if ev.Type == hub.Connect {
		_ = j.Identify(ctx, ev) // the error is always nil
	}
	names, err := j.rooms.For(ev)
	if err != nil {
		return err
	}
	if err := ev.CheckJoin(names...); err != nil {
		return err
	}
	switch {
	case j.History:
		return ev.JoinWithHistory(j.Max, names...)
	case j.Max > 0:
		return ev.JoinUpTo(j.Max, names...)
	case !j.hasTarget():
		return ev.Socket.Join(names...)
	}
	target, err := j.broadcastFor(ev)
	if err != nil {
		return err
	}
	_, err = target.SocketsJoin(names...)
	return err
}

// Identify adds the placeholders of the rooms that identify the user to the socket's
// identity.
func (j *Join) Identify(_ context.Context, ev *hub.Event) error {
	if !j.hasTarget() {
		addRequestIdentity(ev, "join", j.rooms.Keys())
	}
	return nil
}

// CheckSocketFree returns an error without a target, or if a placeholder needs a socket.
func (j *Join) CheckSocketFree() error { return j.checkSocketFree(j.rooms.Keys()) }

// Immediate marks the handler as one that never waits.
func (*Join) Immediate() {}

// ReadsCounts reports whether a name depends on the number of sockets in a room.
func (j *Join) ReadsCounts() bool { return j.rooms.ReadsCounts() }

var (
	_ hub.Identifier        = (*Join)(nil)
	_ hub.Immediate         = (*Join)(nil)
	_ hub.CountReader       = (*Join)(nil)
	_ hub.SocketFree        = (*Join)(nil)
	_ caddy.Provisioner     = (*Join)(nil)
	_ caddyfile.Unmarshaler = (*Join)(nil)
)
