package handlers

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/directive"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Disconnect{}) }

// Disconnect disconnects the socket. Its client does not reconnect by itself.
type Disconnect struct {
	// Close closes the client's connection too, with its sockets in other namespaces.
	// Default: false.
	Close bool `json:"close,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Disconnect) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.disconnect", New: func() caddy.Module { return new(Disconnect) }}
}

// UnmarshalCaddyfile sets up the handler:
//
//	disconnect [close]
func (s *Disconnect) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	switch args := d.RemainingArgs(); {
	case len(args) == 1 && args[0] == "close":
		s.Close = true
	case len(args) > 0:
		return d.Errf("disconnect: unexpected %q: expected close or nothing", args[0])
	}
	return directive.RefuseBlock(d, "disconnect")
}

// HandleEvent disconnects the socket.
func (s *Disconnect) HandleEvent(_ context.Context, ev *hub.Event) error {
	ev.Socket.Disconnect(s.Close)
	return nil
}

// Immediate marks the handler as one that never waits.
func (*Disconnect) Immediate() {}

var (
	_ hub.Immediate         = (*Disconnect)(nil)
	_ caddyfile.Unmarshaler = (*Disconnect)(nil)
)
