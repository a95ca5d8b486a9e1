package engine

import (
	"strconv"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine/frames"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

const (
	// pollingGrace is how long a closed polling session keeps its queue for a poll.
	pollingGrace = 30 * time.Second
	// webSocketGrace is how long a client may take to read the queue of a closed
	// WebSocket, and to close it as well.
	webSocketGrace = 5 * time.Second
	// lastPollDelay is how long the last poll of a client that closes is waited for: it
	// may have been sent before the close packet and come after it.
	lastPollDelay = 50 * time.Millisecond
)

// openSession makes the session of a handshake and gets its receiver. It refuses when the
// process is overloaded, when the server, the route or the client's address is full, when
// the server drains, or when there is no receiver.
func (x *exchange) openSession() (*Session, *refusal) {
	if refused := x.checkOverload(); refused != nil {
		return nil, refused
	}
	server, key := x.server, address.KeyOf(x.Address)
	if refused := x.checkAddress(key); refused != nil {
		return nil, refused
	}
	s := &Session{
		id: id.New(), server: server, route: x.Route, handshake: x.newHandshake(),
		direct: x.upgrade, done: make(chan struct{}),
	}
	s.heartbeat.interval, s.heartbeat.timeout = int64(x.config.PingInterval), int64(x.config.PingTimeout)
	if !x.upgrade {
		s.format = x.format
	}
	s.places.proven.Store(x.version == eio.V4)
	s.openAccount(key)
	s.queue.push(newOpenPacket(s, x.config)) // without the lock: the session is not known to others yet
	server.stats.polling.Add(1)              // until it is attached to a WebSocket
	if refused := x.placeSession(s, key); refused != nil {
		s.closeWith(ReasonForced, closeMode{})
		return nil, refused
	}
	// From here on, other goroutines may close it. A drain either finds it in the list, or
	// has begun before.
	server.addSession(s)
	if server.isDraining() || !s.requestReceiver() {
		s.closeWith(ReasonForced, closeMode{})
		s.route.removeSession(s) // a close before the add has removed nothing
		server.removeSession(s)
		return nil, x.refuseFull(refusedClosed)
	}
	s.startHeartbeat() // not before: a slow machine must not refuse a client because of it
	server.stats.opened.Add(1)
	x.reportSession(s)
	return s, nil
}

// requestReceiver gets the session's receiver from [Options.Accept], unless the session
// has closed. If the session closes meanwhile, the receiver still gets its Closed call.
func (s *Session) requestReceiver() (ok bool) {
	s.intake.mu.Lock()
	defer s.intake.mu.Unlock()
	if !s.isOpen() {
		return false
	}
	spawn.Call(s.server.options.Log(), "accept", func() {
		r, err := s.server.options.Accept(s)
		if err == nil && r != nil {
			s.intake.receiver, ok = r, true
		}
	}, nil)
	return ok
}

// newOpenPacket returns the first packet of a session, in JSON. Revision 3 has no maxPayload; the
// members are in the order of the reference server.
func newOpenPacket(s *Session, c *Config) *eio.Message {
	upgrades := ""
	if c.WebSocket && !s.direct {
		upgrades = `"` + transportWebSocket + `"`
	}
	data := make([]byte, 0, 128)
	data = append(append(data, `{"sid":"`...), s.id...) // an id needs no escapes
	data = append(append(data, `","upgrades":[`...), upgrades...)
	data = append(data, `],"pingInterval":`...)
	data = strconv.AppendInt(data, time.Duration(s.heartbeat.interval).Milliseconds(), 10)
	data = append(data, `,"pingTimeout":`...)
	data = strconv.AppendInt(data, time.Duration(s.heartbeat.timeout).Milliseconds(), 10)
	if s.handshake.Version == eio.V4 {
		data = append(data, `,"maxPayload":`...)
		data = strconv.AppendInt(data, c.MaxPayload, 10)
	}
	return eio.NewControl(eio.TypeOpen, append(data, '}'))
}

// Close closes the session. From now on the client's packets are dropped, and Send
// returns false. The queue is still delivered, if the client takes it within 5 s, or 30 s
// when it polls. Close returns at once.
func (s *Session) Close(reason string) { s.CloseFor(reason, "") }

// CloseFor closes the session as [Session.Close] does. The cause is a text for operators that
// says more than the reason, see [Session.CloseCause].
func (s *Session) CloseFor(reason, cause string) {
	s.closeWith(reason, closeMode{flush: true, cause: cause})
}

// CloseCause returns the cause that the session closed for. It is empty if the reason says
// everything, and while the session is open.
func (s *Session) CloseCause() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing.cause
}

// closeMode is how a session closes towards its client. The zero value drops the queue.
type closeMode struct {
	flush bool // the queue is still delivered
	noop  bool // one more poll is replied to, with a noop instead of a close packet
	cause string
}

// closeWith closes a session once: the reason of the first caller counts.
func (s *Session) closeWith(reason string, e closeMode) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.state, s.polls.endsWithNoop, s.closing.cause = stateClosed, e.noop, e.cause
	s.schedule.stop()
	if (e.flush || e.noop) && !s.direct && s.out == nil {
		s.state = stateClosing
		s.schedule.completeAt = s.server.now() + int64(pollingGrace)
		s.armTimerLocked()
	}
	if !e.flush {
		s.queue.dropAll()
	}
	out, closed := s.out, s.state == stateClosed
	probe := s.takeProbeLocked(e)
	var transfers []*transfer
	if closed {
		transfers = s.polls.takeTransfers()
	}
	close(s.done)
	s.uncountLocked()
	s.polls.wakeParked()
	s.mu.Unlock()

	s.route.removeSession(s)
	if closed {
		s.server.removeSession(s)
	}
	if out != nil {
		out.closeGracefully(frames.CloseFrame(0))
	}
	if probe != nil {
		probe.closeGracefully(frames.CloseFrame(0))
	}
	abortTransfers(transfers)
	s.notifyReceiver(reason)
}

// takeProbeLocked takes the probe from a session that closes, so that it is closed, too. It
// leaves a probe that has its reply, if the queue is still delivered: such a client may have
// stopped to poll, and takes the queue by the probe alone, see upgradeTo.
func (s *Session) takeProbeLocked(e closeMode) *outbound {
	probe := s.probe
	if s.state == stateClosing && e.flush && s.polls.released {
		return nil
	}
	s.probe = nil
	return probe
}

// uncountLocked takes the session out of the server's counts of live sessions.
func (s *Session) uncountLocked() {
	s.server.unjoined.Remove(&s.places.unjoined)
	if s.out != nil {
		s.server.stats.webSocket.Add(-1)
	} else {
		s.server.stats.polling.Add(-1)
	}
}

// notifyReceiver calls the receiver's Closed after its current call has returned. The
// goroutine ends when Closed returns.
func (s *Session) notifyReceiver(reason string) {
	log := s.server.options.Log()
	spawn.Go(log, "session closed", func() {
		s.intake.mu.Lock()
		r := s.intake.receiver
		s.intake.mu.Unlock()
		if r != nil {
			s.server.stats.countClosed(reason)
			r.Closed(reason)
		}
	}, nil)
}

// completeClose makes a closing session closed, whether its queue was delivered or not.
func (s *Session) completeClose() {
	s.mu.Lock()
	probe := s.probe
	s.probe = nil
	s.endClosingLocked()
	s.queue.dropAll()
	transfers := s.polls.takeTransfers()
	s.mu.Unlock()
	s.server.removeSession(s)
	if probe != nil {
		probe.closeGracefully(frames.CloseFrame(0))
	}
	abortTransfers(transfers)
}

// endClosingLocked makes a closing session closed.
func (s *Session) endClosingLocked() {
	s.state = stateClosed
	s.schedule.stop()
	if s.polls.completed != nil {
		close(s.polls.completed)
		s.polls.completed = nil
	}
}

// awaitLastPoll completes the close of a session that its client has closed: when the
// client's last poll has its reply, or when none comes within lastPollDelay.
func (s *Session) awaitLastPoll() {
	s.mu.Lock()
	if s.state != stateClosing || s.polls.completed != nil {
		s.mu.Unlock()
		return
	}
	completed := make(chan struct{})
	s.polls.completed = completed
	s.mu.Unlock()
	timer := time.NewTimer(lastPollDelay)
	defer timer.Stop()
	select {
	case <-completed:
	case <-timer.C:
		s.completeClose()
	}
}
