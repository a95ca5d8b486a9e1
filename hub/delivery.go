package hub

import (
	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// delivery is an encoded event on its way to a socket.
type delivery struct {
	message  *eio.Message
	volatile bool
	recorded bool   // it can be sent again
	offset   string // where a cluster.Recorder has it
	mark     string // what a cluster.Recorder knows it by without an offset
}

// encode encodes an event.
func (ns *Namespace) encode(op cluster.Emit) (*eio.Message, error) {
	p := sio.Packet{Type: sio.Event, Namespace: ns.name, Data: op.Data}
	return p.Encode(sio.V5, !op.NoCompress)
}

// emit encodes an event once and queues it for each socket of the target.
func (ns *Namespace) emit(op cluster.Emit) (int, error) {
	m, err := ns.encode(op)
	if err != nil || op.None {
		return 0, err
	}
	if r := ns.recorder(); r != nil {
		return ns.deliver(ns.offered(r, m, op, op.Offset, ""), m, op.Target), nil
	}
	if ns.hub.window() > 0 {
		return ns.emitRecorded(m, op)
	}
	return ns.deliver(delivery{message: m, volatile: op.Volatile}, m, op.Target), nil
}

// emitRecorded emits an event that clients may have to get again when they come
// back, with its offset for those that can.
func (ns *Namespace) emitRecorded(plain *eio.Message, op cluster.Emit) (int, error) {
	ns.history.mu.Lock()
	defer ns.history.mu.Unlock()
	m, err := ns.history.add(ns, op.Target, op.Data, op.Volatile, !op.NoCompress)
	if err != nil {
		return 0, err
	}
	return ns.deliver(delivery{message: m, volatile: op.Volatile, recorded: !op.Volatile}, plain, op.Target), nil
}

// deliver queues an event for each socket of the target: plain for those that can't
// come back.
func (ns *Namespace) deliver(d delivery, plain *eio.Message, t rooms.Target) int {
	n := ns.each(t, func(s *Socket) bool {
		if s.pid == "" {
			return s.deliver(delivery{message: plain, volatile: d.volatile})
		}
		return s.deliver(d)
	})
	ns.counts.Load().delivered.Add(uint64(n))
	return n
}

// deliver queues an encoded event for the client, and reports whether it did.
func (s *Socket) deliver(d delivery) bool {
	switch s.state.Load() {
	case stateLive:
		return s.send(d)
	case stateOpening:
		return s.deliverOpening(d)
	}
	return false
}

func (s *Socket) send(d delivery) bool {
	switch {
	case s.has(d.offset):
		return true
	case d.volatile:
		return s.client.session.SendVolatile(d.message)
	case d.mark != "":
		return s.sendMarked(d)
	}
	return s.client.session.Send(d.message)
}

func (s *Socket) deliverOpening(d delivery) bool {
	s.mu.Lock()
	if s.opening == nil {
		s.mu.Unlock()
		return s.send(d)
	}
	defer s.mu.Unlock()
	if d.recorded && d.offset == "" && s.restored && !s.opening.replayed {
		return true // it comes with what else was missed
	}
	if d.volatile || len(s.opening.messages) >= openingMessages {
		return false
	}
	s.opening.messages = append(s.opening.messages, d)
	return true
}

// sendPacket encodes a packet for this socket alone and queues it. The error
// says that it can't be encoded, or that the socket is gone.
func (s *Socket) sendPacket(p sio.Packet) error {
	m, err := p.Encode(s.client.version, true)
	if err != nil {
		return err
	}
	if !s.deliver(delivery{message: m}) {
		return ErrDisconnected
	}
	return nil
}
