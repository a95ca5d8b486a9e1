package engine

import (
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine/frames"
)

// serveProbe lets a WebSocket probe whether it can take a session over from polling. One
// that may not is closed properly, and the session goes on.
func (x *exchange) serveProbe(s *Session) {
	ws, err := x.acceptWebSocket(s)
	if err != nil {
		return
	}
	if ws.role = roleProbe; !s.beginProbe(&ws.out) {
		ws.role = roleRefused
		ws.out.closeGracefully(frames.CloseFrame(0))
	}
	x.startReading(ws)
}

// beginProbe makes a WebSocket the session's probe. It reports false if the session has
// closed, has a WebSocket, or has another probe.
func (s *Session) beginProbe(o *outbound) bool {
	timeout := s.route.config.Load().UpgradeTimeout
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen || s.out != nil || s.direct || s.probe != nil {
		return false
	}
	s.probe = o
	s.schedule.probeEndAt = s.server.now() + int64(timeout)
	s.armTimerLocked()
	return true
}

// handleProbePacket handles a packet on a probe. A probe may send a ping with
// "probe" and the upgrade packet only.
func (ws *webSocket) handleProbePacket(p eio.Packet) error {
	s := ws.out.session
	s.notePacket()
	switch {
	case p.Type == eio.TypePing && string(p.Data) == "probe":
		if !s.releasePolls(&ws.out) { // before the reply: see takeProbeLocked
			s.SpendUseless()
		}
		ws.out.sendControl(probeReply.Bytes(ws.out.encoding))
		return nil
	case p.Type == eio.TypeUpgrade && s.upgradeTo(&ws.out):
		ws.role = roleSession
		return nil
	}
	return errProbe
}

// releasePolls makes the session reply to polls at once from now on. The client waits
// for the reply to the poll that it has sent, or is about to send, before it upgrades.
// It reports whether the client asked for that for the first time.
func (s *Session) releasePolls(o *outbound) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe != o || s.polls.released {
		return false
	}
	s.polls.released = true
	s.polls.wakeParked()
	return true
}

// upgradeTo lets the probe carry the session, and reports whether it still was the
// probe. The queue goes to the WebSocket; a poll that still waits gets a noop. A session
// that is closing delivers its queue by the WebSocket, and is closed.
func (s *Session) upgradeTo(o *outbound) bool {
	s.mu.Lock()
	if s.state == stateClosed || s.probe != o {
		s.mu.Unlock()
		return false
	}
	s.clearProbeLocked()
	s.out = o
	s.polls.wakeParked()
	if s.state == stateClosing {
		s.mu.Unlock()
		s.closeUpgraded(o)
		return true
	}
	start := o.beginWritingLocked()
	s.mu.Unlock()
	s.server.stats.polling.Add(-1)
	s.server.stats.webSocket.Add(1)
	s.server.stats.upgraded.Add(1)
	if start {
		o.startWriting()
	}
	return true
}

// closeUpgraded closes a closing session whose queue its WebSocket delivers from now on.
func (s *Session) closeUpgraded(o *outbound) {
	s.mu.Lock()
	s.endClosingLocked()
	s.mu.Unlock()
	s.server.removeSession(s)
	o.closeGracefully(frames.CloseFrame(0))
}

// dropProbe removes a probe. The session goes on polling.
func (s *Session) dropProbe(o *outbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == o {
		s.clearProbeLocked()
	}
}

func (s *Session) clearProbeLocked() {
	s.probe, s.polls.released, s.schedule.probeEndAt = nil, false, 0
}
