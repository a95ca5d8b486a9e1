package handlers

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Ack{}) }

// Ack acknowledges the event, if the client asked for an acknowledgement. Only the
// first acknowledgement of an event is sent.
type Ack struct {
	// Args are the arguments of the client's callback, with placeholders as in emit.
	// Default: none.
	Args []json.RawMessage `json:"args,omitempty"`

	args placeholder.Args
}

// CaddyModule returns the Caddy module information.
func (Ack) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.ack", New: func() caddy.Module { return new(Ack) }}
}

// Provision compiles the arguments.
func (a *Ack) Provision(caddy.Context) (err error) {
	a.args, err = placeholder.NewArgs(a.Args)
	return err
}

// UnmarshalCaddyfile sets up the handler:
//
//	ack [<args...>]
func (a *Ack) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	var err error
	if a.Args, err = placeholder.ArgumentsJSON(d.RemainingArgs()); err != nil {
		return d.Errf("ack: %v", err)
	}
	if _, err := placeholder.NewArgs(a.Args); err != nil {
		return d.Errf("ack: %v", err)
	}
	return directive.RefuseBlock(d, "ack")
}

// HandleEvent sends the acknowledgement. A socket that has disconnected is not an
// error.
func (a *Ack) HandleEvent(_ context.Context, ev *hub.Event) error {
	if !ev.WantsAck() {
		return nil
	}
	if err := ev.AckArgs(a.args.For(ev)); !errors.Is(err, hub.ErrDisconnected) {
		return err
	}
	return nil
}

// Immediate marks the handler as one that never waits.
func (*Ack) Immediate() {}

// ReadsCounts reports whether an argument has the number of sockets in a room.
func (a *Ack) ReadsCounts() bool { return a.args.ReadsCounts() }

var (
	_ hub.Immediate         = (*Ack)(nil)
	_ hub.CountReader       = (*Ack)(nil)
	_ caddy.Provisioner     = (*Ack)(nil)
	_ caddyfile.Unmarshaler = (*Ack)(nil)
)
