package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Set{}) }

// Set keeps a value on the socket, as JavaScript's socket.data.KEY. It is
// {socket.data.KEY} from then on.
type Set struct {
	// Key to keep it under. It has no dot.
	Key string `json:"key,omitempty"`
	// Value is any JSON value, with placeholders as in an argument of emit.
	Value json.RawMessage `json:"value,omitempty"`

	value Value
}

// CaddyModule returns the Caddy module information.
func (Set) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.set", New: func() caddy.Module { return new(Set) }}
}

// Provision compiles the value.
func (s *Set) Provision(caddy.Context) error { return s.compile() }

func (s *Set) compile() (err error) {
	if s.Key == "" || strings.Contains(s.Key, ".") {
		return errors.New("the key must not be empty and has no dot")
	}
	if len(s.Value) == 0 {
		return errors.New("expected a value")
	}
	s.value, err = NewValue(s.Value)
	return err
}

// UnmarshalCaddyfile sets up the step:
//
//	set <key> <value>
func (s *Set) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	var value string
	if !d.AllArgs(&s.Key, &value) {
		return d.Err("set: expected a key and a value")
	}
	s.Value = ArgumentJSON(value)
	if err := s.compile(); err != nil {
		return d.Errf("set %s: %v", s.Key, err)
	}
	return noBlock(d, "set")
}

// HandleEvent keeps the value.
func (s *Set) HandleEvent(_ context.Context, ev *hub.Event) error {
	return ev.Socket.Set(s.Key, s.value.For(ev))
}

var (
	_ hub.Handler           = (*Set)(nil)
	_ caddy.Provisioner     = (*Set)(nil)
	_ caddyfile.Unmarshaler = (*Set)(nil)
)
