package engine

import "github.com/caddy-socketio/caddy-socketio/internal/eio"

// serveProbe lets a WebSocket show that it can take over from polling. One that may
// not is closed politely and does the session no harm.
func (x *exchange) serveProbe(s *Session) {
	c, err := x.connect(s)
	if err != nil {
		return
	}
	if c.role = roleProbe; !s.beginProbe(c) {
		c.role = roleRefused
		c.hangUp(closeFrame(0))
	}
	x.run(c)
}

func (s *Session) beginProbe(c *conn) bool {
	timeout := s.route.config.Load().UpgradeTimeout
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen || s.conn != nil || s.direct || s.probe != nil {
		return false
	}
	s.probe = c
	s.clock.probe = s.server.now() + int64(timeout)
	s.armLocked()
	return true
}

// takeProbe does what a packet on a probing connection says: there are but two.
func (c *conn) takeProbe(p eio.Packet) error {
	s := c.session
	s.seen.Store(s.server.now())
	switch {
	case p.Type == eio.TypePing && string(p.Data) == "probe":
		c.urgent(reply.Bytes(c.encoding))
		s.releasePolls(c)
		return nil
	case p.Type == eio.TypeUpgrade && s.upgrade(c):
		c.role = roleSession
		return nil
	}
	return errProbe
}

// releasePolls answers polls at once from now on: the client waits for the answer
// of the one it has sent, or is about to send, before it changes over.
func (s *Session) releasePolls(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == c {
		s.release = true
		s.wakeLocked()
	}
}

// upgrade lets the probing connection carry the session. What is queued goes there;
// a poll that still waits gets a noop.
func (s *Session) upgrade(c *conn) bool {
	s.mu.Lock()
	if s.state != stateOpen || s.probe != c {
		s.mu.Unlock()
		return false
	}
	s.endProbeLocked()
	s.conn = c
	s.wakeLocked()
	start := c.beginLocked()
	s.mu.Unlock()
	s.server.stats.polling.Add(-1)
	s.server.stats.webSocket.Add(1)
	s.server.stats.upgraded.Add(1)
	if start {
		c.start()
	}
	return true
}

// dropProbe forgets a probing connection. The session goes on polling.
func (s *Session) dropProbe(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == c {
		s.endProbeLocked()
	}
}

func (s *Session) endProbeLocked() {
	s.probe, s.release, s.clock.probe = nil, false, 0
}
