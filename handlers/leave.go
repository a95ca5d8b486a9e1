package handlers

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Leave{}) }

// Leave takes the socket, or the sockets of its target, out of rooms. Rooms that a socket
// is not in are ignored, and so are empty names and placeholders without a value.
type Leave struct {
	Target
	// Rooms are the names of one or more rooms, as in join.
	Rooms []string `json:"rooms,omitempty"`

	rooms placeholder.Rooms
}

// CaddyModule returns the Caddy module information.
func (Leave) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.leave", New: func() caddy.Module { return new(Leave) }}
}

// Provision compiles the rooms.
func (l *Leave) Provision(caddy.Context) (err error) {
	if err := l.compileTarget(); err != nil {
		return err
	}
	l.rooms, err = compileRooms(l.Rooms)
	return err
}

// UnmarshalCaddyfile sets up the handler:
//
//	[in <room...> | all] [except <room...>] leave <room...>
func (l *Leave) UnmarshalCaddyfile(d *caddyfile.Dispenser) (err error) {
	l.Rooms, err = parseRooms(d)
	return err
}

// HandleEvent leaves the rooms. An empty name is no room: a client that is in no game yet
// leaves none.
func (l *Leave) HandleEvent(_ context.Context, ev *hub.Event) error {
	names, err := l.rooms.NonEmpty(ev)
	if err != nil {
		return err
	}
	if !l.hasTarget() {
		ev.Socket.Leave(names...)
		return nil
	}
	target, err := l.broadcastFor(ev)
	if err != nil {
		return err
	}
	_, err = target.SocketsLeave(names...)
	return err
}

// CheckSocketFree returns an error without a target, or if a placeholder needs a socket.
func (l *Leave) CheckSocketFree() error { return l.checkSocketFree(l.rooms.Keys()) }

// Immediate marks the handler as one that never waits.
func (*Leave) Immediate() {}

// ReadsCounts reports whether a name depends on the number of sockets in a room.
func (l *Leave) ReadsCounts() bool { return l.rooms.ReadsCounts() }

var (
	_ hub.SocketFree        = (*Leave)(nil)
	_ hub.Immediate         = (*Leave)(nil)
	_ hub.CountReader       = (*Leave)(nil)
	_ caddy.Provisioner     = (*Leave)(nil)
	_ caddyfile.Unmarshaler = (*Leave)(nil)
)
