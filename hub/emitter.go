package hub

import (
	"context"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Emitter emits to one socket, with flags. It is a value like [Broadcast].
type Emitter struct {
	socket  *Socket
	reply   bool // to an event that is handled in place
	flags   cluster.Flags
	timeout time.Duration
}

// Volatile drops the event if the client is not ready, see [Broadcast.Volatile].
func (e Emitter) Volatile() Emitter {
	e.flags.Volatile = true
	return e
}

// Compress says whether the event is compressed, where compression is on. It is by
// default.
func (e Emitter) Compress(compress bool) Emitter {
	e.flags.NoCompress = !compress
	return e
}

// Timeout sets how long [Emitter.EmitWithAck] waits. 0 means until the deadline of its
// context, or for [DefaultTimeout] if that has none.
func (e Emitter) Timeout(d time.Duration) Emitter {
	e.timeout = d
	return e
}

// Emit emits an event to the socket's client. It queues the event and returns. The
// errors are the ones of [Broadcast.Emit], and [ErrDisconnected].
func (e Emitter) Emit(event string, args ...any) error {
	data, err := eventData(event, args)
	if err != nil {
		return err
	}
	op := cluster.Emit{Flags: e.flags, Data: data}
	plain, err := op.Encode(e.socket.ns.name, "")
	if err != nil {
		return err
	}
	if e.socket.state.Load() == stateConnected {
		return e.emitNow(data, plain) // without a closure
	}
	var failed error
	if e.socket.whenConnected(func() { failed = e.emitNow(data, plain) }) {
		return failed
	}
	return nil
}

// emitNow emits an encoded event to a socket that is connected or has disconnected.
func (e Emitter) emitNow(data sio.Data, plain *eio.Message) error {
	if !e.socket.ns.emitOnly(e, data, plain) && !e.flags.Volatile {
		return ErrDisconnected
	}
	return nil
}

// EmitWithAck emits an event and waits for the client's acknowledgement, for
// [Emitter.Timeout] or until ctx ends. It returns the arguments of the
// acknowledgement, as a JSON array. The error wraps [ErrTimeout] or
// [ErrDisconnected]. It can't be used while the socket's connect event is handled.
func (e Emitter) EmitWithAck(ctx context.Context, event string, args ...any) (sio.Data, error) {
	data, err := eventData(event, args)
	if err != nil {
		return sio.Data{}, err
	}
	ctx, cancel := withTimeout(ctx, e.timeout)
	defer cancel()
	s := e.socket
	id, wait := s.ns.acks.expectAcks([]*Socket{s})
	defer s.ns.acks.cancelAcks(id)
	p := sio.Packet{Type: sio.Event, Namespace: s.ns.name, ID: id, HasID: true, Data: data}
	m, err := p.Encode(sio.V5, !e.flags.NoCompress)
	if err != nil {
		return sio.Data{}, err
	}
	s.ns.observeEmit(everySocket, data, s)
	if !s.deliverAlone(delivery{message: m, volatile: e.flags.Volatile}) {
		return sio.Data{}, ErrDisconnected
	}
	select {
	case answer := <-wait.received:
		return answer, nil
	case <-s.disconnectStarted():
		return sio.Data{}, ErrDisconnected
	case <-ctx.Done():
		return sio.Data{}, timedOut(ctx.Err())
	}
}

// ToSender begins an emit to the event's socket, which it must have. Events that a handler
// emits by it before it returns share a write with the event's acknowledgement.
func (ev *Event) ToSender() Emitter { return Emitter{socket: ev.Socket, reply: ev.inPlace} }

// Emit emits an event to the socket's client, see [Emitter.Emit].
func (s *Socket) Emit(event string, args ...any) error {
	return Emitter{socket: s}.Emit(event, args...)
}

// Volatile begins an emit that is dropped if the client is not ready, see
// [Broadcast.Volatile].
func (s *Socket) Volatile() Emitter { return Emitter{socket: s}.Volatile() }

// Compress begins an emit that is compressed or not, see [Emitter.Compress].
func (s *Socket) Compress(compress bool) Emitter { return Emitter{socket: s}.Compress(compress) }

// Timeout begins an emit that waits so long for an acknowledgement, see
// [Emitter.Timeout].
func (s *Socket) Timeout(d time.Duration) Emitter { return Emitter{socket: s}.Timeout(d) }

// To begins a broadcast to the sockets of rooms, without this one. An empty list of
// rooms means no socket.
func (s *Socket) To(rooms ...string) Broadcast { return s.Broadcast().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) Broadcast { return s.To(rooms...) }

// Except begins a broadcast to all sockets of the namespace, without the sockets of rooms
// and this one.
func (s *Socket) Except(rooms ...string) Broadcast { return s.Broadcast().Except(rooms...) }

// Broadcast begins a broadcast to all sockets of the namespace without this one.
func (s *Socket) Broadcast() Broadcast { return Broadcast{ns: s.ns, from: s} }
