package handlers

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Join{}) }

// Join joins the socket, or the sockets of its target, to rooms: to all of them or, with
// an error, to none.
type Join struct {
	Target
	// Rooms are the names of one or more rooms, with placeholders. A single placeholder
	// for a list stands for each of its members. A name must not be empty.
	Rooms []string `json:"rooms,omitempty"`

	rooms placeholder.Rooms
}

// CaddyModule returns the Caddy module information.
func (Join) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.join", New: func() caddy.Module { return new(Join) }}
}

// Provision compiles the rooms.
func (j *Join) Provision(caddy.Context) (err error) {
	if err := j.compileTarget(); err != nil {
		return err
	}
	j.rooms, err = compileRooms(j.Rooms)
	return err
}

// UnmarshalCaddyfile sets up the handler:
//
//	[in <room...> | all] [except <room...>] join <room...>
func (j *Join) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	j.Rooms, err = parseRooms(d)
	return err
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
	if !j.hasTarget() {
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

// Immediate marks the handler as one that never waits.
func (*Join) Immediate() {}

// ReadsCounts reports whether a name depends on the number of sockets in a room.
func (j *Join) ReadsCounts() bool { return j.rooms.ReadsCounts() }

var (
	_ hub.Identifier        = (*Join)(nil)
	_ hub.Immediate         = (*Join)(nil)
	_ hub.CountReader       = (*Join)(nil)
	_ caddy.Provisioner     = (*Join)(nil)
	_ caddyfile.Unmarshaler = (*Join)(nil)
)
