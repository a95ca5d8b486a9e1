package hub

import (
	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// delivery is an encoded event on its way to a socket.
type delivery struct {
	message  *eio.Message
	volatile bool
	offset   string // in the recovery log
	mark     string // identifies an event without an offset
}

// setOffset gives a delivery its event's offset. One without an offset gets the offset of
// an event before it: clients take the last argument for an offset all the same.
func (d *delivery) setOffset(r cluster.Recorder, op *cluster.Emit, namespace string) {
	offset := op.Offset
	if offset == "" || op.Volatile {
		d.mark, offset = op.Mark, r.DeliveredOffset()
	} else {
		d.offset = offset
		if op.Message != nil {
			d.message = op.Message
			return
		}
	}
	if offset == "" {
		return
	}
	if m, err := op.Encode(namespace, offset); err == nil {
		d.message = m
	}
}

// deliverEmit queues an event for each socket of its target or, unless only is nil, for
// that socket. It returns the number of sockets that it was queued for.
func (ns *Namespace) deliverEmit(r cluster.Recorder, op *cluster.Emit, plain *eio.Message, only *Socket) int {
	d := delivery{message: plain, volatile: op.Volatile}
	if r != nil {
		d.setOffset(r, op, ns.name)
	}
	ns.observeEmit(op.Target, op.Data, only)
	if only != nil {
		if only.deliverAlone(d) {
			return 1
		}
		return 0
	}
	endSpan := ns.startDeliverySpan(op)
	began := readClock()
	n := ns.forEachSelected(op.Target, ns.recorderOfHistory(op, plain, r != nil), func(s *Socket) bool {
		if s.pid == "" {
			return s.deliverEvent(delivery{message: plain, volatile: d.volatile})
		}
		return s.deliverEvent(d)
	})
	ns.counts.Load().noteBroadcast(began, n)
	if endSpan != nil {
		endSpan(n)
	}
	ns.noteDeliveries(op.In, n)
	return n
}

// deliverEvent queues an encoded event for the client, and reports whether it did.
func (s *Socket) deliverEvent(d delivery) bool {
	switch s.state.Load() {
	case stateConnected:
		return s.sendDelivery(d)
	case stateConnecting, stateJoining:
		return s.holdDelivery(d)
	}
	return false
}

// deliverAlone is deliverEvent for an event to this socket only.
func (s *Socket) deliverAlone(d delivery) bool {
	return s.noteDelivery(s.deliverEvent(d))
}

// noteDelivery counts an event to this socket only, if it was queued, which it returns.
func (s *Socket) noteDelivery(queued bool) bool {
	if queued {
		s.ns.noteDeliveries(nil, 1)
	}
	return queued
}

func (s *Socket) sendDelivery(d delivery) bool {
	switch {
	case s.isReplayed(d.offset):
		return true
	case d.volatile:
		return s.client.session.SendVolatile(d.message)
	case d.mark != "":
		return s.sendMarked(d)
	}
	return s.client.session.Send(d.message)
}

// holdDelivery holds an event for a socket that is joining its rooms or, while its connect
// handlers have just returned, has a place in some of them.
func (s *Socket) holdDelivery(d delivery) bool {
	s.mu.Lock()
	if s.admission == nil {
		s.mu.Unlock()
		return s.sendDelivery(d)
	}
	defer s.mu.Unlock()
	if d.volatile || s.state.Load() == stateConnecting && !s.admission.placed {
		return false
	}
	if len(s.admission.heldDeliveries) >= maxHeldDeliveries+s.admission.heldHistory {
		return false
	}
	s.admission.heldDeliveries = append(s.admission.heldDeliveries, d)
	return true
}

// sendPacket encodes a packet for this socket alone and queues it. The error
// says that it can't be encoded, or that the socket is gone.
func (s *Socket) sendPacket(p sio.Packet) error {
	m, err := p.Encode(s.client.version, true)
	if err != nil {
		return err
	}
	if !s.deliverEvent(delivery{message: m}) {
		return ErrDisconnected
	}
	return nil
}

// sendReply queues a message for the client of an event that is handled in place. It goes
// out when the event is handled, see [engine.Session.SendReply].
func (s *Socket) sendReply(m *eio.Message) bool {
	if s.state.Load() == stateConnected {
		return s.client.session.SendReply(m)
	}
	return s.deliverEvent(delivery{message: m})
}

// maxMarks is how many events without an offset a socket remembers. A client that missed
// more may get some twice.
const maxMarks = 512

// sendMarked sends an event without an offset. The lock is held over both: a socket is
// saved with the event's mark, or does not get the event.
func (s *Socket) sendMarked(d delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != stateConnected || !s.client.session.Send(d.message) {
		return false
	}
	s.addMarkLocked(d.mark)
	return true
}

// addMarkLocked notes that the client was sent an event without an offset.
func (s *Socket) addMarkLocked(mark string) {
	if mark == "" {
		return
	}
	if len(s.marks) >= maxMarks {
		s.marks = append([]string(nil), s.marks[len(s.marks)-maxMarks+1:]...)
	}
	s.marks = append(s.marks, mark)
}
