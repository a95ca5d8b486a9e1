package handlers

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Disconnect{}) }

// Disconnect disconnects the socket, or the sockets of its target. Their clients do not
// reconnect by themselves.
type Disconnect struct {
	Target
	// Close closes the connections of the clients too, with their sockets in other
	// namespaces. Default: false.
	Close bool `json:"close,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Disconnect) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.disconnect", New: func() caddy.Module { return new(Disconnect) }}
}

// Provision compiles the target.
func (s *Disconnect) Provision(caddy.Context) error { return s.compileTarget() }

// UnmarshalCaddyfile sets up the handler:
//
//	[in <room...> | all] [except <room...>] disconnect [close]
func (s *Disconnect) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	switch args := d.RemainingArgs(); {
	case len(args) == 1 && args[0] == "close":
		s.Close = true
	case len(args) == 1 && args[0] == "true":
		return d.Errf("disconnect: unexpected %q: expected disconnect close, to close the connection too, or nothing", args[0])
	case len(args) > 0:
		return d.Errf("disconnect: unexpected %q: expected close or nothing; others are disconnected by \"in ROOM disconnect\"", args[0])
	}
	return directive.RefuseBlock(d, "disconnect")
}

// HandleEvent disconnects the socket or the target.
func (s *Disconnect) HandleEvent(_ context.Context, ev *hub.Event) error {
	if !s.hasTarget() {
		ev.Socket.Disconnect(s.Close)
		return nil
	}
	target, err := s.broadcastFor(ev)
	if err != nil {
		return err
	}
	_, err = target.DisconnectSockets(s.Close)
	return err
}

// CheckSocketFree returns an error without a target, or if a placeholder needs a socket.
func (s *Disconnect) CheckSocketFree() error { return s.checkSocketFree(nil) }

// Immediate marks the handler as one that never waits.
func (*Disconnect) Immediate() {}

var (
	_ hub.SocketFree        = (*Disconnect)(nil)
	_ hub.Immediate         = (*Disconnect)(nil)
	_ caddy.Provisioner     = (*Disconnect)(nil)
	_ caddyfile.Unmarshaler = (*Disconnect)(nil)
)
