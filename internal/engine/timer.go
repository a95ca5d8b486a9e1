package engine

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// patience is how many heartbeat periods a client may take for one packet: bytes
// prove that it lives, but not for ever.
const patience = 4

// clock is the one timer of a session and what it is set for: times of the session
// clock, zero when there is nothing to do. All is guarded by Session.mu.
type clock struct {
	timer *time.Timer
	armed int64 // what the timer is set to
	ping  int64 // V4: send a ping
	dead  int64 // nothing was heard: the end
	since int64 // V4: when the ping was sent that dead waits for
	idle  int64 // the client of a polling session has not polled: the end
	probe int64 // give the upgrade up
	grace int64 // forget a closing session
	alarm int64 // call ring
	ring  func()
}

// stop forgets all that the timer was set for.
func (c *clock) stop() {
	c.timer.Stop()
	*c = clock{timer: c.timer}
}

// next is the earliest time that something is to be done at.
func (c *clock) next() (at int64) {
	for _, t := range [...]int64{c.ping, c.dead, c.idle, c.probe, c.grace, c.alarm} {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	return at
}

// SetAlarm calls fn after d, on a goroutine of its own, unless the session ends
// before. It replaces an alarm set before; a nil fn cancels it.
func (s *Session) SetAlarm(d time.Duration, fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen {
		return
	}
	s.clock.ring, s.clock.alarm = fn, 0
	if fn != nil {
		s.clock.alarm = s.server.now() + int64(max(d, 1))
	}
	s.armLocked()
}

// startClock begins the heartbeat.
func (s *Session) startClock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.server.now()
	s.seen.Store(now)
	if s.handshake.Version == eio.V4 {
		s.clock.ping = now + s.interval
	} else {
		s.clock.dead = now + s.interval + s.timeout
	}
	if !s.direct {
		s.clock.idle = now + s.idleTime()
	}
	s.clock.armed = s.clock.next()
	s.clock.timer = time.AfterFunc(time.Duration(s.clock.armed-now), s.onTimer)
}

// armLocked sets the timer if it would ring too late. One that rings too early
// is set anew when it does, so that hearing from a client costs nothing.
func (s *Session) armLocked() {
	at := s.clock.next()
	if at == 0 || s.clock.armed != 0 && s.clock.armed <= at {
		return
	}
	s.clock.armed = at
	s.clock.timer.Reset(time.Duration(max(at-s.server.now(), 1)))
}

func (s *Session) onTimer() {
	spawn.Call(s.server.options.Log(), "session timer", s.tick, nil)
}

// tick does what it is time for.
func (s *Session) tick() {
	s.mu.Lock()
	now := s.server.now()
	s.clock.armed = 0
	var probe *conn
	if due(&s.clock.probe, now) {
		probe, s.probe, s.release = s.probe, nil, false
	}
	var ring func()
	if due(&s.clock.alarm, now) {
		ring, s.clock.ring = s.clock.ring, nil
	}
	over := due(&s.clock.grace, now)
	at := s.clock.ping
	beat := due(&s.clock.ping, now)
	if beat {
		// The times of a heartbeat do not add up what the timer is late by.
		s.clock.since, s.clock.dead = now, max(at, now-s.timeout/4)+s.timeout
	}
	dead := s.silentLocked(now)
	dead = s.idleLocked(now) || dead
	s.armLocked()
	s.mu.Unlock()

	if beat {
		s.send(ping)
	}
	if probe != nil {
		probe.hangUp(closeFrame(0))
	}
	if ring != nil {
		ring()
	}
	if over {
		s.finish()
	}
	if dead {
		s.end(ReasonPingTimeout, ending{})
	}
}

// due reports whether a time has come, and clears it then.
func due(at *int64, now int64) bool {
	if *at == 0 || *at > now {
		return false
	}
	*at = 0
	return true
}

// silentLocked reports whether the client has been silent for too long, and sets
// the next time to ask when it has not.
func (s *Session) silentLocked(now int64) bool {
	late := now - s.clock.dead
	if s.clock.dead == 0 || late < 0 {
		return false
	}
	busy := s.busy.Load() // before what it leaves behind is looked at
	alive := s.aliveAt()
	v4 := s.handshake.Version == eio.V4
	switch {
	case v4 && alive > s.clock.since:
		s.clock.dead, s.clock.ping = 0, max(alive+s.interval, now+1)
		return false
	case !v4 && alive+s.interval+s.timeout > now:
		s.clock.dead = alive + s.interval + s.timeout
		return false
	case busy:
		// It is not read before what it said is taken.
		s.clock.dead = now + s.timeout
		return false
	case late > max(s.timeout/2, int64(time.Second)):
		// It is the process that slept: what clients said meanwhile may be unread.
		s.clock.dead = now + s.timeout
		return false
	}
	s.clock.dead = 0
	return true
}

// idleLocked reports whether the client of a polling session has not polled for as long
// as it may take to answer a ping, and sets the next time to ask when it has not. Its
// last poll may have been lost before it came here, and then the client has begun a new
// session: this one need not wait for a ping to find out.
func (s *Session) idleLocked(now int64) bool {
	late := now - s.clock.idle
	if s.clock.idle == 0 || late < 0 {
		return false
	}
	s.clock.idle = 0
	switch alive := s.aliveAt(); {
	case s.conn != nil, s.parked != nil, s.state != stateOpen:
		return false
	case alive+s.idleTime() > now:
		s.clock.idle = alive + s.idleTime()
	case s.probe != nil, s.busy.Load(), late > max(s.timeout/2, int64(time.Second)):
		s.clock.idle = now + s.idleTime() // as in silentLocked
	default:
		return true
	}
	return false
}

// idleTime is how long a client may take from the answer of one poll to the next one.
func (s *Session) idleTime() int64 { return max(s.timeout, int64(minIdleTime)) }

// minIdleTime is enough for a poll on a slow network, whatever the heartbeat.
const minIdleTime = 5 * time.Second

// aliveAt is when the client last proved to be alive.
func (s *Session) aliveAt() int64 {
	seen := s.seen.Load()
	return max(seen, min(s.heard.Load(), seen+patience*(s.interval+s.timeout)))
}

// ponged notes the answer to a ping: the next ping goes out an interval later.
func (s *Session) ponged() {
	if s.handshake.Version != eio.V4 {
		return // a stray one
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen {
		return
	}
	s.clock.dead, s.clock.ping = 0, s.server.now()+s.interval
	s.armLocked()
}
