package engine

import (
	"encoding/json"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// What a session that was closed has left to say is waited for this long: by a
// polling one until its client polls, by a WebSocket until its client has taken
// it and hung up.
const (
	pollingGrace   = 30 * time.Second
	webSocketGrace = 5 * time.Second
	// pollOnItsWay is how long a client's last poll is waited for when it closes: it
	// may have been sent before the close packet and come after it.
	pollOnItsWay = 50 * time.Millisecond
)

// create makes the session of a handshake and asks for its receiver.
func (x *exchange) create() (*Session, *refusal) {
	server := x.server
	if server.unjoined.Add(1) > int64(server.options.MaxUnjoined) {
		server.unjoined.Add(-1)
		return nil, errFull
	}
	s := &Session{
		id: id.New(), server: server, route: x.Route, handshake: x.handshake(),
		interval: int64(x.config.PingInterval), timeout: int64(x.config.PingTimeout),
		direct: x.upgrade, done: make(chan struct{}),
	}
	if !x.upgrade {
		s.jsonp, s.isJSONP, s.base64 = x.jsonp, x.isJSONP, x.base64 || x.isJSONP
	}
	s.queueLocked(openPacket(s, x.config)) // nobody else knows the session yet
	s.startClock()
	server.stats.polling.Add(1) // until it is attached to a WebSocket
	server.register(s)
	// From here on others may end it. Draining is looked at when Drain finds it.
	if server.draining.Load() || !s.route.add(s) || !s.accept() {
		s.end(ReasonForced, ending{})
		s.route.remove(s) // who ended it may have come before it was there
		return nil, errFull
	}
	server.stats.opened.Add(1)
	return s, nil
}

// accept asks the server's owner for a receiver, unless the session is over. A
// session that is closed meanwhile is told so when it has one.
func (s *Session) accept() (ok bool) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if !s.open() {
		return false
	}
	spawn.Call(s.server.options.Log(), "accept", func() {
		r, err := s.server.options.Accept(s)
		if err == nil && r != nil {
			s.receiver, ok = r, true
		}
	}, nil)
	return ok
}

// openPacket is the packet that a session begins with. Revision 3 has no
// maxPayload; the members are in the order of the reference.
func openPacket(s *Session, c *Config) *eio.Message {
	open := struct {
		ID           string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int64    `json:"maxPayload,omitempty"`
	}{s.id, []string{}, time.Duration(s.interval).Milliseconds(), time.Duration(s.timeout).Milliseconds(), 0}
	if c.WebSocket && !s.direct {
		open.Upgrades = append(open.Upgrades, webSocket)
	}
	if s.handshake.Version == eio.V4 {
		open.MaxPayload = c.MaxPayload
	}
	data, _ := json.Marshal(open) // has nothing that could fail
	return eio.NewControl(eio.TypeOpen, data)
}

// Close ends the session. From now on nothing more is taken from the client and
// Send returns false; what was queued before is still delivered, if the client
// takes it within a few seconds (30 s when it polls). Close returns at once.
func (s *Session) Close(reason string) { s.end(reason, ending{flush: true}) }

// ending says what a session's client gets at the end.
type ending struct {
	flush bool // what is queued
	noop  bool // one more poll is answered, with a noop instead of a close packet
	code  int  // a close frame with this status; 0 means without one
}

// end ends a session once: whoever comes first gives the reason.
func (s *Session) end(reason string, e ending) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.state, s.noop = stateClosed, e.noop
	s.clock.stop()
	if (e.flush || e.noop) && !s.direct && s.conn == nil {
		s.state = stateClosing
		s.clock.grace = s.server.now() + int64(pollingGrace)
		s.armLocked()
	}
	if !e.flush {
		clear(s.queue)
		s.queue, s.bytes = nil, 0
	}
	c, probe, forget := s.conn, s.probe, s.state == stateClosed
	s.probe = nil
	var transfers []*transfer
	if forget {
		transfers = s.transfersLocked()
	}
	close(s.done)
	s.uncountLocked()
	s.wakeLocked()
	s.mu.Unlock()

	s.route.remove(s)
	if forget {
		s.server.forget(s)
	}
	if c != nil {
		c.hangUp(closeFrame(e.code))
	}
	if probe != nil {
		probe.hangUp(closeFrame(0))
	}
	abortAll(transfers)
	s.notify(reason)
}

func (s *Session) uncountLocked() {
	if !s.joined {
		s.server.unjoined.Add(-1)
	}
	if s.conn != nil {
		s.server.stats.webSocket.Add(-1)
	} else {
		s.server.stats.polling.Add(-1)
	}
}

// notify tells the receiver, when its last call has returned. The goroutine ends
// when the receiver's Closed does.
func (s *Session) notify(reason string) {
	log := s.server.options.Log()
	spawn.Go(log, "session closed", func() {
		s.turn.Lock()
		r := s.receiver
		s.turn.Unlock()
		if r != nil {
			s.server.stats.countClosed(reason)
			r.Closed(reason)
		}
	}, nil)
}

// finish forgets a polling session that has said its last words.
func (s *Session) finish() {
	s.mu.Lock()
	s.state = stateClosed
	s.clock.stop()
	clear(s.queue)
	s.queue, s.bytes = nil, 0
	if s.finished != nil {
		close(s.finished)
		s.finished = nil
	}
	transfers := s.transfersLocked()
	s.mu.Unlock()
	s.server.forget(s)
	abortAll(transfers)
}

// awaitPoll forgets a session that its client has closed when the client's last poll
// is answered, or none comes.
func (s *Session) awaitPoll() {
	s.mu.Lock()
	if s.state != stateClosing || s.finished != nil {
		s.mu.Unlock()
		return
	}
	answered := make(chan struct{})
	s.finished = answered
	s.mu.Unlock()
	timer := time.NewTimer(pollOnItsWay)
	defer timer.Stop()
	select {
	case <-answered:
	case <-timer.C:
		s.finish()
	}
}
