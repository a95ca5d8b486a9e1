package engine

import (
	"context"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

const (
	// perMessage is how many bytes a queued message counts besides its payload.
	perMessage = 16
	// volatileLimit is how many bytes may wait for a client that still counts as ready
	// for volatile messages.
	volatileLimit = 16 << 10
	// keptQueue is the capacity of an empty queue that is worth keeping.
	keptQueue = 32
	// maxPollPackets is how many packets the reply to a poll has at most; the others come
	// with the next poll. Python clients refuse a payload with more.
	maxPollPackets = 16
)

// Control packets that all sessions share.
var (
	pingPacket  = eio.NewControl(eio.TypePing, nil)
	pongPacket  = eio.NewControl(eio.TypePong, nil)
	noopPacket  = eio.NewControl(eio.TypeNoop, nil)
	closePacket = eio.NewControl(eio.TypeClose, nil)
	probeReply  = eio.NewControl(eio.TypePong, []byte("probe"))
)

// queue holds the messages that wait for a session's client. Session.mu guards it.
type queue struct {
	account              *budget.Account // static
	messages             []*eio.Message
	held                 int    // the first messages, which are charged to the account
	bytes                int    // of all messages that wait or are being written, with perMessage each
	packetsOut, bytesOut uint64 // of the messages taken to be written
	// drained is made by AwaitQueue, and closed when at most drainedTo bytes are left. It
	// is nil while no goroutine waits.
	drained   chan struct{}
	drainedTo int
}

func (q *queue) push(m *eio.Message) {
	q.messages = append(q.messages, m)
	q.bytes += m.Size() + perMessage
}

// subtract subtracts the bytes of messages that were written or taken. A close may have
// reset the count before.
func (q *queue) subtract(bytes int) {
	q.bytes = max(q.bytes-bytes, 0)
	if q.drained != nil && q.bytes <= q.drainedTo {
		close(q.drained)
		q.drained = nil
	}
}

// hold charges the account for all messages. A message that waits for several clients is
// charged to each account, and to the process once.
func (q *queue) hold() {
	holdMessages(q.account, q.messages[q.held:])
	q.held = len(q.messages)
}

// unhold ends the charge of the first n messages, which are taken out of the queue.
func (q *queue) unhold(n int) {
	n = min(n, q.held)
	unholdMessages(q.account, q.messages[:n])
	q.held -= n
}

// holdMessages charges an account for messages that wait for its client.
func holdMessages(account *budget.Account, messages []*eio.Message) {
	for _, m := range messages {
		m.Hold(account.Shared())
		account.AddShared(budget.Queue, m.Size()+perMessage)
	}
}

// unholdMessages ends a charge of holdMessages.
func unholdMessages(account *budget.Account, messages []*eio.Message) {
	for _, m := range messages {
		m.Unhold()
		account.AddShared(budget.Queue, -m.Size()-perMessage)
	}
}

// dropAll drops all messages.
func (q *queue) dropAll() {
	q.unhold(len(q.messages))
	clear(q.messages)
	q.messages, q.bytes = nil, 0
}

// countTaken counts packets that are taken to be written, and their bytes.
func (q *queue) countTaken(packets, bytes int) {
	q.packetsOut += uint64(packets)
	q.bytesOut += uint64(bytes)
}

// takePayload takes the messages for the reply to one poll out of the queue: up to
// maxPollPackets packets, but at least one message, whose attachments stay with it.
func (q *queue) takePayload() []*eio.Message {
	n, packets := 0, 0
	for ; n < len(q.messages); n++ {
		m := q.messages[n]
		if packets += m.Packets(); n > 0 && packets > maxPollPackets {
			break
		}
		q.bytes -= m.Size() + perMessage
		q.countTaken(m.Packets(), m.Size())
	}
	q.unhold(n)
	if n == len(q.messages) {
		payload := q.messages
		q.messages = nil
		return payload
	}
	payload := slices.Clone(q.messages[:n])
	q.messages = slices.Delete(q.messages, 0, n)
	return payload
}

// reuse makes an empty queue use the slice that takePayload returned, which nothing else
// uses any more.
func (q *queue) reuse(payload []*eio.Message) {
	if q.messages == nil && cap(payload) <= keptQueue {
		clear(payload)
		q.messages = payload[:0]
	}
}

// Send queues a message and reports whether it did: not after the session has closed. It
// never waits for the client. A slow client, for which more than [Config.MaxQueue] bytes
// wait already, loses its session.
func (s *Session) Send(m *eio.Message) bool { return s.send(m, false) }

// SendReply is [Session.Send] for a receiver that replies within its call of Receive. The
// message is written when Receive has returned, on the same goroutine if the client accepts
// it at once. Outside of a call it is Send.
func (s *Session) SendReply(m *eio.Message) bool { return s.send(m, true) }

// send queues a message, which may wait for the end of the receiver's call if it is a
// reply.
func (s *Session) send(m *eio.Message, reply bool) bool {
	limit := s.route.config.Load().MaxQueue
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return false
	}
	if s.queue.bytes > limit {
		s.mu.Unlock()
		s.server.stats.slowClients.Add(1)
		s.closeWith(ReasonForced, closeMode{cause: "slow client: more than max_queue waited for it"})
		return false
	}
	s.pushAndUnlock(m, reply)
	return true
}

// SendVolatile queues a message if the client is ready for it: a WebSocket for which at
// most 16 KiB wait, or a poll that waits for a message. It reports whether it queued the
// message. A dropped message does not close the session.
func (s *Session) SendVolatile(m *eio.Message) bool {
	s.mu.Lock()
	ready := s.state == stateOpen
	if s.out != nil {
		ready = ready && s.queue.bytes <= volatileLimit
	} else {
		ready = ready && s.polls.parked != nil && len(s.queue.messages) == 0
	}
	if !ready {
		s.mu.Unlock()
		s.server.stats.volatileDropped.Add(1)
		return false
	}
	s.pushAndUnlock(m, false)
	return true
}

// QueueSpace returns how many bytes may be queued until half of [Config.MaxQueue] waits for
// the client.
func (s *Session) QueueSpace() int {
	limit := s.route.config.Load().MaxQueue / 2
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(limit-s.queue.bytes, 0)
}

// AwaitQueue waits until at most half of [Config.MaxQueue] waits for the client, or until the
// session closes. The error is the one of ctx.
func (s *Session) AwaitQueue(ctx context.Context) error {
	for {
		limit := s.route.config.Load().MaxQueue / 2
		s.mu.Lock()
		if s.state != stateOpen || s.queue.bytes <= limit {
			s.mu.Unlock()
			return nil
		}
		if s.queue.drained == nil {
			s.queue.drained = make(chan struct{})
		}
		s.queue.drainedTo = limit
		drained := s.queue.drained
		s.mu.Unlock()
		select {
		case <-drained:
		case <-s.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sendPing queues a ping. max_queue does not apply to it. A closed session drops it.
func (s *Session) sendPing(m *eio.Message) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.pushAndUnlock(m, false)
}

// isStuckLocked reports whether the client accepts nothing at the moment: it does not poll,
// or the latest write to its WebSocket did not accept everything. Other messages are about to
// be written, and are not charged.
func (s *Session) isStuckLocked() bool {
	if s.out == nil {
		return s.polls.parked == nil
	}
	return s.out.stuck
}

// CountQueued returns the number of messages that wait for the client, and of their bytes
// together with the ones that are being written.
func (s *Session) CountQueued() (messages, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue.messages), s.queue.bytes
}

// pushAndUnlock queues a message, unlocks s.mu, and starts the delivery by the current
// transport, unless the message is a reply that the reader is going to write.
func (s *Session) pushAndUnlock(m *eio.Message, reply bool) {
	s.queue.push(m)
	if s.queue.bytes > chargeFrom && (s.queue.bytes > chunk || s.isStuckLocked()) {
		s.queue.hold()
	}
	o := s.out
	if o == nil {
		s.polls.wakeParked()
	} else if reply && o.holdsReplies || !o.beginWritingLocked() {
		o = nil
	}
	s.mu.Unlock()
	if o != nil {
		o.startWriting()
	}
}
