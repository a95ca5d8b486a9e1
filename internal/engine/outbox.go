package engine

import "github.com/caddy-socketio/caddy-socketio/internal/eio"

const (
	// perMessage is what a queued message is taken to cost besides its payload.
	perMessage = 16
	// volatileLimit is how many bytes may wait for a client that is still called
	// ready for volatile messages.
	volatileLimit = 16 << 10
	// keptQueue is the capacity of an empty queue that is worth keeping.
	keptQueue = 32
)

// Control packets that all sessions share.
var (
	ping  = eio.NewControl(eio.TypePing, nil)
	pong  = eio.NewControl(eio.TypePong, nil)
	noop  = eio.NewControl(eio.TypeNoop, nil)
	last  = eio.NewControl(eio.TypeClose, nil)
	reply = eio.NewControl(eio.TypePong, []byte("probe"))
)

// Send queues a message and reports whether it did: not after the session's end. It
// never waits for the client. A client for which more than [Config.MaxQueue] bytes
// wait already is dropped, which ends the session.
func (s *Session) Send(m *eio.Message) bool {
	limit := s.route.config.Load().MaxQueue
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return false
	}
	if s.bytes > limit {
		s.mu.Unlock()
		s.server.stats.overflowed.Add(1)
		s.end(ReasonForced, ending{})
		return false
	}
	s.pushLocked(m)
	return true
}

// SendVolatile queues a message if the client is ready for it: a WebSocket for
// which less than 16 KiB wait, or a poll that waits for something to come. It
// reports whether it did; a message that is dropped ends nothing.
func (s *Session) SendVolatile(m *eio.Message) bool {
	s.mu.Lock()
	ready := s.state == stateOpen
	if s.conn != nil {
		ready = ready && s.bytes <= volatileLimit
	} else {
		ready = ready && s.parked != nil && len(s.queue) == 0
	}
	if !ready {
		s.mu.Unlock()
		s.server.stats.volatileDropped.Add(1)
		return false
	}
	s.pushLocked(m)
	return true
}

// send queues a packet of the engine's own, which no limit applies to.
func (s *Session) send(m *eio.Message) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.pushLocked(m)
}

// pushLocked queues a message, wakes whoever is to deliver it, and unlocks.
func (s *Session) pushLocked(m *eio.Message) {
	s.queueLocked(m)
	c := s.conn
	if c == nil {
		s.wakeLocked()
	} else if !c.beginLocked() {
		c = nil
	}
	s.mu.Unlock()
	if c != nil {
		c.start()
	}
}

func (s *Session) queueLocked(m *eio.Message) {
	s.queue = append(s.queue, m)
	s.bytes += m.Size() + perMessage
}

// wakeLocked lets the parked poll look what there is.
func (s *Session) wakeLocked() {
	if s.parked != nil {
		s.parked.wake()
	}
}
