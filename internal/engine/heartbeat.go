package engine

import (
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

const (
	// slowPacketPeriods is how many heartbeat periods a client may take for one packet.
	// Bytes prove that the client is alive, but not for ever.
	slowPacketPeriods = 4
	// minIdleTime is the least time that a client may take from the reply to one poll to
	// the next poll: enough for a slow network, whatever the heartbeat.
	minIdleTime = 5 * time.Second
)

// heartbeat records when a session's client last proved to be alive.
type heartbeat struct {
	// Static after construction, in nanoseconds.
	interval, timeout int64

	// Atomics. Times are of the session clock.
	lastPacket atomic.Int64 // the latest whole packet
	lastBytes  atomic.Int64 // the latest bytes
	lastPart   atomic.Int64 // the latest bytes of a message that arrives fast enough
	lastPing   atomic.Int64 // revision 3: the latest ping that counts for no limit
	lastPong   atomic.Int64 // revision 3: the latest pong that was sent; before it, the handshake
	receiving  atomic.Int32 // calls that keep the client from being read: the receiver, pauses
}

// aliveAt returns when the client last proved to be alive.
func (h *heartbeat) aliveAt() int64 {
	packet := h.lastPacket.Load()
	return max(packet, min(h.lastBytes.Load(), packet+slowPacketPeriods*(h.interval+h.timeout)))
}

// slowMessageLimit is how long a message may take that arrives very slowly.
func (h *heartbeat) slowMessageLimit() int64 {
	return min(int64(slowMessageTime), slowPacketPeriods*(h.interval+h.timeout))
}

// idleTime is how long a client may take from the reply to one poll to the next poll.
func (h *heartbeat) idleTime() int64 { return max(h.timeout, int64(minIdleTime)) }

// isTooLate reports whether the session timer fired so late that the process must have
// slept. Packets that clients sent meanwhile may still be unread.
func (h *heartbeat) isTooLate(late int64) bool { return late > max(h.timeout/2, int64(time.Second)) }

func (s *Session) noteBytes()  { s.heartbeat.lastBytes.Store(s.server.now()) }
func (s *Session) notePacket() { s.heartbeat.lastPacket.Store(s.server.now()) }

// notePart notes n bytes of a message, from a read that began at a time of the session
// clock. While a message arrives fast enough, its bytes count as packets do, however long
// it takes. notePart reports false if the message arrives too slowly, and counts it.
func (s *Session) notePart(p *pace, n int, before int64) (fastEnough bool) {
	now := s.server.now()
	if !p.add(n, now-before, s.heartbeat.slowMessageLimit()) {
		s.server.stats.slowMessages.Add(1)
		return false
	}
	s.heartbeat.lastPacket.Store(now)
	s.heartbeat.lastPart.Store(now)
	return true
}

// IsReceiving reports whether a part of a large message has come in the last 10 s: whether
// the client sends, rather than waits.
func (s *Session) IsReceiving() bool {
	last := s.heartbeat.lastPart.Load()
	return last != 0 && s.server.now()-last < int64(countedPause)
}

// endReceiving starts the client's time again: while the receiver took its message, or in
// a pause, the next one was not read.
func (s *Session) endReceiving() {
	s.notePacket()
	s.heartbeat.receiving.Add(-1)
}

// handlePong notes the reply to a ping, and reports whether there was a ping without one. Then
// the next ping goes out an interval later.
func (s *Session) handlePong() (expected bool) {
	if s.handshake.Version != eio.V4 {
		return false // a stray one
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen {
		return true
	}
	if s.schedule.unanswered == 0 {
		return false
	}
	now := s.server.now()
	s.schedule.unanswered--
	s.schedule.deadAt, s.schedule.pingAt = 0, s.nextPingLocked(now, now)
	s.armTimerLocked()
	return true
}

// nextPingLocked returns when the next ping goes out to a client that was alive at a time. A
// client closes its connection when no ping has come for the interval and the timeout. So half
// a timeout is left, however late the pong of the latest ping was read.
func (s *Session) nextPingLocked(alive, now int64) int64 {
	h := &s.heartbeat
	return max(min(alive, s.schedule.pingSentAt+h.timeout/2)+h.interval, now+1)
}

// isSilentLocked reports whether the client has been silent for too long. If not, it
// schedules the next check.
func (s *Session) isSilentLocked(now int64) bool {
	late := now - s.schedule.deadAt
	if s.schedule.deadAt == 0 || late < 0 {
		return false
	}
	h := &s.heartbeat
	receiving := h.receiving.Load() > 0 // before aliveAt, which the end of receiving moves
	alive := h.aliveAt()
	v4 := s.handshake.Version == eio.V4
	switch {
	case v4 && alive > s.schedule.pingSentAt:
		s.schedule.deadAt, s.schedule.pingAt = 0, s.nextPingLocked(alive, now)
		return false
	case !v4 && alive+h.interval+h.timeout > now:
		s.schedule.deadAt = alive + h.interval + h.timeout
		return false
	case v4 && receiving && len(s.queue.messages) == 0: // its pong may be unread, and it expects pings
		s.schedule.deadAt, s.schedule.pingAt = 0, now
		return false
	case receiving, h.isTooLate(late): // the client is not read while the receiver takes its message
		s.schedule.deadAt = now + h.timeout
		return false
	}
	s.schedule.deadAt = 0
	return true
}

// isIdleLocked reports whether the client of a polling session has sent no poll for as
// long as it may take to reply to a ping. If not, it schedules the next check. The
// client's last poll may have been lost on its way, and the client has then opened a new
// session: this one need not wait for a ping to find out.
func (s *Session) isIdleLocked(now int64) bool {
	late := now - s.schedule.idleAt
	if s.schedule.idleAt == 0 || late < 0 {
		return false
	}
	s.schedule.idleAt = 0
	h := &s.heartbeat
	switch alive := h.aliveAt(); {
	case s.out != nil, s.polls.parked != nil, s.state != stateOpen:
		return false
	case alive+h.idleTime() > now:
		s.schedule.idleAt = alive + h.idleTime()
	case s.probe != nil, h.receiving.Load() > 0, h.isTooLate(late):
		s.schedule.idleAt = now + h.idleTime() // as in isSilentLocked
	default:
		return true
	}
	return false
}
