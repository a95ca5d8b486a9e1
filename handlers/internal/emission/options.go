// Package emission emits events from handlers: from a socket or in a namespace, with the
// options that handlers share.
package emission

import "github.com/caddy-socketio/caddy-socketio/hub"

// Options are the target and the flags of an emit. The zero value emits to the socket
// itself, or in a namespace to all of its sockets.
type Options struct {
	// To are rooms. Nil does not restrict the target; an empty list is no socket.
	To []string
	// Except are rooms whose sockets do not get the event. With one or more of them and
	// without To, all others get it.
	Except []string
	// Broadcast emits to all others without To and Except.
	Broadcast bool
	// IncludeSender emits to the socket itself too, if the event goes to others.
	IncludeSender bool
	// Volatile drops the event for clients that are not ready to receive it.
	Volatile bool
	// Local emits to the sockets of this node only, if the event goes to others.
	Local bool
	// NoCompress does not compress the event.
	NoCompress bool
}

// EmitFor emits an event from the socket of another event: to rooms or all others, or
// without To, Except and Broadcast to the socket itself. The errors are the ones of
// [hub.Event.AllowEmit], [hub.Broadcast.Emit] and [hub.Emitter.Emit].
func (o *Options) EmitFor(ev *hub.Event, event string, args hub.Args) error {
	if err := ev.AllowEmit(ev.Namespace(), o.To, args); err != nil {
		return err
	}
	s := ev.Socket
	if o.To != nil || len(o.Except) > 0 || o.Broadcast {
		return o.emitTo(s.Broadcast(), event, args)
	}
	out := ev.ToSender().Compress(!o.NoCompress)
	if o.Volatile {
		out = out.Volatile()
	}
	return out.Emit(event, args)
}

// EmitIn emits an event in a namespace, without a sender: to rooms or to all sockets. The
// errors are the ones of [hub.Broadcast.Emit].
func (o *Options) EmitIn(ns *hub.Namespace, event string, args hub.Args) error {
	return o.emitTo(ns.All(), event, args)
}

func (o *Options) emitTo(out hub.Broadcast, event string, args hub.Args) error {
	out = out.Except(o.Except...).Compress(!o.NoCompress)
	if o.To != nil {
		out = out.To(o.To...)
	}
	if o.IncludeSender {
		out = out.IncludeSender()
	}
	if o.Volatile {
		out = out.Volatile()
	}
	if o.Local {
		out = out.Local()
	}
	_, err := out.Emit(event, args)
	return err
}
