package handlers

import (
	"context"
	"errors"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() {
	caddy.RegisterModule(Join{})
	caddy.RegisterModule(Leave{})
}

// Join makes the socket join rooms: all of them or, with an error, none.
type Join struct {
	// Rooms to join. Placeholders are supported; one that is a list, and stands
	// alone, means each of its members. A name must not be empty.
	Rooms []string `json:"rooms,omitempty"`

	rooms Rooms
}

// CaddyModule returns the Caddy module information.
func (Join) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.join", New: func() caddy.Module { return new(Join) }}
}

// Provision compiles the rooms.
func (j *Join) Provision(caddy.Context) (err error) {
	j.rooms, err = someRooms(j.Rooms)
	return err
}

// UnmarshalCaddyfile sets up the handler:
//
//	join <room...>
func (j *Join) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	j.Rooms, err = parseRooms(d)
	return err
}

// HandleEvent joins the rooms.
func (j *Join) HandleEvent(ctx context.Context, ev *hub.Event) error {
	if ev.Type == hub.Connect {
		_ = j.Identify(ctx, ev) // is always nil
	}
	names, err := j.rooms.For(ev)
	if err != nil {
		return err
	}
	return ev.Socket.Join(names...)
}

// Identify adds to the socket's identity what the request says of the user.
func (j *Join) Identify(_ context.Context, ev *hub.Event) error {
	addRequestIdentity(ev, "join", j.rooms.keys())
	return nil
}

// Leave makes the socket leave rooms.
type Leave struct {
	// Rooms to leave, as those of join.
	Rooms []string `json:"rooms,omitempty"`

	rooms Rooms
}

// CaddyModule returns the Caddy module information.
func (Leave) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.leave", New: func() caddy.Module { return new(Leave) }}
}

// Provision compiles the rooms.
func (l *Leave) Provision(caddy.Context) (err error) {
	l.rooms, err = someRooms(l.Rooms)
	return err
}

// UnmarshalCaddyfile sets up the handler:
//
//	leave <room...>
func (l *Leave) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	l.Rooms, err = parseRooms(d)
	return err
}

// HandleEvent leaves the rooms.
func (l *Leave) HandleEvent(_ context.Context, ev *hub.Event) error {
	names, err := l.rooms.For(ev)
	if err != nil {
		return err
	}
	ev.Socket.Leave(names...)
	return nil
}

// someRooms compiles names of rooms where there has to be one.
func someRooms(names []string) (Rooms, error) {
	if len(names) == 0 {
		return nil, errors.New("expected one or more rooms")
	}
	return NewRooms(names)
}

// parseRooms reads a line that is a name and rooms.
func parseRooms(d *caddyfile.Dispenser) ([]string, error) {
	d.Next() // the name
	handler := d.Val()
	names := d.RemainingArgs()
	if len(names) == 0 {
		return nil, d.Errf("%s: expected one or more rooms", handler)
	}
	if _, err := NewRooms(names); err != nil {
		return nil, d.Errf("%s: %v", handler, err)
	}
	return names, noBlock(d, handler)
}

// noBlock refuses what follows a handler that has no block.
func noBlock(d *caddyfile.Dispenser, handler string) error {
	if d.NextBlock(d.Nesting()) {
		return d.Errf("%s: unexpected %q: there is no block here", handler, d.Val())
	}
	return nil
}

var (
	_ hub.Identifier        = (*Join)(nil)
	_ caddy.Provisioner     = (*Join)(nil)
	_ caddyfile.Unmarshaler = (*Join)(nil)
	_ hub.Handler           = (*Leave)(nil)
	_ caddy.Provisioner     = (*Leave)(nil)
	_ caddyfile.Unmarshaler = (*Leave)(nil)
)
