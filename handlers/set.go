package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Set{}) }

// Set keeps a value on the socket, or on the sockets of its target, as JavaScript's
// socket.data.KEY. Later events find it as {socket.data.KEY}. Node.js servers ignore
// values for their sockets.
type Set struct {
	Target
	// Key is the name of the value. It must not be empty and has no dot.
	Key string `json:"key,omitempty"`
	// Value is any JSON value, with placeholders as in an argument of emit.
	Value json.RawMessage `json:"value,omitempty"`

	value placeholder.Value
}

// CaddyModule returns the Caddy module information.
func (Set) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.set", New: func() caddy.Module { return new(Set) }}
}

// Provision compiles the value.
func (s *Set) Provision(caddy.Context) error {
	if err := s.compileTarget(); err != nil {
		return err
	}
	return s.compileValue()
}

func (s *Set) compileValue() (err error) {
	if s.Key == "" || strings.Contains(s.Key, ".") {
		return errors.New("the key must not be empty and has no dot")
	}
	if len(s.Value) == 0 {
		return errors.New("expected a value")
	}
	s.value, err = placeholder.NewValue(s.Value)
	return err
}

// UnmarshalCaddyfile sets up the handler:
//
//	[in <room...> | all] [except <room...>] set <key> <value>
func (s *Set) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	args := d.RemainingArgs()
	if len(args) > 2 && args[1] == "=" {
		return d.Errf("set %s: expected a key and a value, without =", args[0])
	}
	if len(args) != 2 {
		return d.Err("set: expected a key and a value")
	}
	s.Key = args[0]
	if name, ok := strings.CutPrefix(s.Key, "socket.data."); ok {
		return d.Errf("set %s: did you mean set %s? The key is a name of the data", s.Key, name)
	}
	var err error
	if s.Value, err = placeholder.ArgumentJSON(args[1]); err != nil {
		return d.Errf("set %s: %v", s.Key, err)
	}
	if err := s.compileValue(); err != nil {
		return d.Errf("set %s: %v", s.Key, err)
	}
	return directive.RefuseBlock(d, "set")
}

// HandleEvent keeps the value. A target does not include a socket that is connecting.
func (s *Set) HandleEvent(ctx context.Context, ev *hub.Event) error {
	if ev.Type == hub.Connect {
		_ = s.Identify(ctx, ev) // the error is always nil
	}
	if !s.hasTarget() {
		return ev.Socket.Set(s.Key, s.value.For(ev))
	}
	target, err := s.broadcastFor(ev)
	if err != nil {
		return err
	}
	_, err = target.SocketsSet(s.Key, s.value.For(ev))
	return err
}

// Identify adds the placeholders of the value that identify the user to the socket's
// identity.
func (s *Set) Identify(_ context.Context, ev *hub.Event) error {
	if !s.hasTarget() {
		addRequestIdentity(ev, "set", s.value.Keys())
	}
	return nil
}

// CheckSocketFree returns an error without a target, or if a placeholder needs a socket.
func (s *Set) CheckSocketFree() error { return s.checkSocketFree(s.value.Keys()) }

// Immediate marks the handler as one that never waits.
func (*Set) Immediate() {}

// ReadsCounts reports whether the value has the number of sockets in a room.
func (s *Set) ReadsCounts() bool { return s.value.ReadsCounts() }

var (
	_ hub.Identifier        = (*Set)(nil)
	_ hub.Immediate         = (*Set)(nil)
	_ hub.CountReader       = (*Set)(nil)
	_ hub.SocketFree        = (*Set)(nil)
	_ caddy.Provisioner     = (*Set)(nil)
	_ caddyfile.Unmarshaler = (*Set)(nil)
)
