package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/emission"
	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Emit{}) }

// Emit emits an event: to the socket itself, to rooms, or to all others in the
// namespace.
type Emit struct {
	// Event is the event's name. Placeholders are supported.
	Event string `json:"event,omitempty"`
	// Args are the arguments: any JSON values, with placeholders in their strings. A
	// string that is one placeholder keeps the type of its value. "{event.args.*}"
	// stands for all arguments of the event. Default: none.
	Args []json.RawMessage `json:"args,omitempty"`
	// To are rooms. Each socket in at least one of them gets the event once; the sender
	// does not. A single placeholder for a list stands for each of its members.
	// Default: the socket itself, or with Except or Broadcast all others.
	To []string `json:"to,omitempty"`
	// Except are rooms whose sockets do not get the event. Without To, all others in
	// the namespace get it. Default: none.
	Except []string `json:"except,omitempty"`
	// Broadcast emits to all others in the namespace. Default: false.
	Broadcast bool `json:"broadcast,omitempty"`
	// IncludeSender emits to the socket itself too. It needs To, Except or Broadcast.
	// Default: false.
	IncludeSender bool `json:"include_sender,omitempty"`
	// Volatile drops the event for clients that can't take it at the moment. Default:
	// false.
	Volatile bool `json:"volatile,omitempty"`
	// Local keeps the event on this node of the cluster. It needs To, Except or
	// Broadcast. Default: false.
	Local bool `json:"local,omitempty"`
	// Compress compresses the event where compression is on. Default: true.
	Compress *bool `json:"compress,omitempty"`

	lineTarget string // the word of the target before the name of the handler: to, in, all or broadcast
	event      placeholder.Text
	args       placeholder.Args
	to, except placeholder.Rooms
	// readsCounts is true if one of them has the number of sockets in a room.
	readsCounts bool
}

// CaddyModule returns the Caddy module information.
func (Emit) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.emit", New: func() caddy.Module { return new(Emit) }}
}

// Provision compiles the event, its arguments and the rooms.
func (e *Emit) Provision(caddy.Context) error { return e.compileEmit() }

func (e *Emit) compileEmit() (err error) {
	if e.event, err = placeholder.NewText(e.Event); err != nil {
		return err
	}
	if name, static := e.event.Literal(); static {
		if name == "" {
			return errors.New("expected the name of an event")
		}
		if err := hub.CheckEvent(name); err != nil {
			return err
		}
	}
	if e.args, err = placeholder.NewArgs(e.Args); err != nil {
		return err
	}
	if e.to, err = placeholder.NewRooms(e.To); err != nil {
		return err
	}
	if e.except, err = placeholder.NewRooms(e.Except); err != nil {
		return err
	}
	if !e.reachesOthers() && (e.IncludeSender || e.Local) {
		return errors.New("include_sender and local go with to, except or broadcast")
	}
	e.readsCounts = e.event.ReadsCounts() || e.args.ReadsCounts() || e.to.ReadsCounts() || e.except.ReadsCounts()
	return nil
}

// reachesOthers reports whether the event goes to rooms or to the namespace, and not to
// the socket itself.
func (e *Emit) reachesOthers() bool { return len(e.To) > 0 || len(e.Except) > 0 || e.Broadcast }

// UnmarshalTarget sets up the target and the flags before the name of the handler:
//
//	[to <room...> | in <room...> | broadcast | all] [except <room...>] [volatile] [local]
//
// to and broadcast leave the sender out, in and all do not.
func (e *Emit) UnmarshalTarget(d *caddyfile.Dispenser) error {
	target, err := directive.ParseTarget(d)
	if err != nil {
		return err
	}
	e.To, e.Except, e.Volatile, e.Local = target.To, target.Except, target.Volatile, target.Local
	switch {
	case target.To != nil:
		e.lineTarget = "to" // with broadcast too, as in Node.js
	case target.In != nil:
		e.lineTarget, e.To, e.IncludeSender = "in", target.In, true
	case target.All:
		e.lineTarget, e.Broadcast, e.IncludeSender = "all", true, true
	case target.Broadcast:
		e.lineTarget, e.Broadcast = "broadcast", true
	}
	return nil
}

// UnmarshalCaddyfile sets up the handler. Options of the block add to a target before the
// name of the handler:
//
//	[<target>] emit <event> [<args...>] {
//		to      <rooms...>
//		except  <rooms...>
//		broadcast
//		include_sender
//		volatile
//		local
//		compress on|off
//	}
//
// An argument that is valid JSON is sent as JSON, with placeholders in its strings or in
// place of a value. Any other argument is a string.
func (e *Emit) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	name := d.Token()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("emit: expected the name of an event")
	}
	e.Event = args[0]
	var err error
	if e.Args, err = placeholder.ArgumentsJSON(args[1:]); err != nil {
		return d.Errf("emit %s: %v", e.Event, err)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := e.unmarshalOption(d); err != nil {
			return err
		}
	}
	if err := e.compileEmit(); err != nil {
		return directive.ErrorAt(name, "emit %s: %v", e.Event, err)
	}
	return nil
}

func (e *Emit) unmarshalOption(d *caddyfile.Dispenser) error {
	flags := map[string]*bool{
		"broadcast": &e.Broadcast, "include_sender": &e.IncludeSender, "volatile": &e.Volatile, "local": &e.Local,
	}
	option := d.Val()
	if e.contradictsTarget(option) {
		return d.Errf("emit: %s contradicts %s before emit", option, e.lineTarget)
	}
	args := d.RemainingArgs()
	switch option {
	case "in", "all":
		return d.Errf("emit: %s stands before emit, on the same line", option)
	case "to", "except":
		if len(args) == 0 {
			return d.Errf("emit: %s: expected one or more rooms", option)
		}
		if _, err := placeholder.NewRooms(args); err != nil {
			return d.Errf("emit: %s: %v", option, err)
		}
		if option == "to" {
			e.To = append(e.To, args...)
		} else {
			e.Except = append(e.Except, args...)
		}
		return nil
	case "compress":
		if e.Compress != nil {
			return d.Err("emit: compress is given twice")
		}
		if len(args) != 1 || args[0] != "on" && args[0] != "off" {
			return d.Errf("emit: compress: unexpected %q: expected on or off", strings.Join(args, " "))
		}
		e.Compress = new(args[0] == "on")
		return nil
	}
	flag, ok := flags[option]
	if !ok {
		return d.Errf("emit: unknown option %q: expected to, except, broadcast, include_sender, volatile, local or compress", option)
	}
	if len(args) > 0 {
		return d.Errf("emit: %s takes no argument", option)
	}
	if *flag {
		return d.Errf("emit: %s is given twice", option)
	}
	*flag = true
	return nil
}

// contradictsTarget reports whether an option of the block contradicts the target before
// the name of the handler.
func (e *Emit) contradictsTarget(option string) bool {
	switch e.lineTarget {
	case "in", "all", "broadcast":
		return option == "to" || option == "broadcast" || option == "include_sender"
	case "to":
		return option == "broadcast"
	}
	return false
}

// HandleEvent emits the event. A socket that has disconnected is not an error. On connect,
// counts are read when the socket is in its rooms.
func (e *Emit) HandleEvent(_ context.Context, ev *hub.Event) error {
	if e.readsCounts {
		return ev.WhenConnected(func() error { return e.emitFor(ev) })
	}
	return e.emitFor(ev)
}

func (e *Emit) emitFor(ev *hub.Event) error {
	args := e.args.For(ev)
	name, _, err := e.event.Name(ev)
	if err != nil {
		return &hub.ClientError{Message: "bad event name: " + err.Error()}
	}
	options, err := e.evaluateOptions(ev)
	if err != nil {
		return err
	}
	if ev.Socket == nil {
		return options.EmitIn(ev.Namespace(), name, args)
	}
	if err := options.EmitFor(ev, name, args); !errors.Is(err, hub.ErrDisconnected) {
		return err
	}
	return nil
}

// CheckSocketFree returns an error if the event goes to the socket itself, or has a
// placeholder that needs a socket.
func (e *Emit) CheckSocketFree() error {
	if !e.reachesOthers() {
		return errors.New("without to, except or broadcast it needs a socket")
	}
	return placeholder.CheckSocketFree(slices.Concat(e.event.Keys(), e.args.Keys(), e.to.Keys(), e.except.Keys()))
}

// evaluateOptions returns the options for an event, with the rooms that placeholders name.
// To is nil only if no rooms are configured.
func (e *Emit) evaluateOptions(ev *hub.Event) (options emission.Options, err error) {
	options = emission.Options{
		Broadcast: e.reachesOthers(), IncludeSender: e.IncludeSender, Volatile: e.Volatile, Local: e.Local,
		NoCompress: e.Compress != nil && !*e.Compress,
	}
	if len(e.To) > 0 {
		if options.To, err = e.to.For(ev); err != nil {
			return options, err
		}
	}
	options.Except, err = e.except.For(ev)
	return options, err
}

// Immediate marks the handler as one that never waits.
func (*Emit) Immediate() {}

// ReadsCounts reports whether the event has the number of sockets in a room.
func (e *Emit) ReadsCounts() bool { return e.readsCounts }

var (
	_ hub.Immediate         = (*Emit)(nil)
	_ hub.SocketFree        = (*Emit)(nil)
	_ hub.CountReader       = (*Emit)(nil)
	_ caddy.Provisioner     = (*Emit)(nil)
	_ caddyfile.Unmarshaler = (*Emit)(nil)
)
