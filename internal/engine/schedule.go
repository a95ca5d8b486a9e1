package engine

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine/frames"
)

// schedule is the one timer of a session, and the times that it serves. They are times
// of the session clock, 0 for none. Session.mu guards it.
type schedule struct {
	timer      *sessionTimer // nil until it is set
	armedFor   int64         // when the timer fires
	pingAt     int64         // V4: send a ping
	pingSentAt int64         // V4: when the latest ping was sent
	unanswered int           // V4: pings whose pongs were not read yet
	deadAt     int64         // close the session if the client has been silent
	idleAt     int64         // close the session if its client has not polled
	probeEndAt int64         // close the probe
	completeAt int64         // complete the close of a closing session
	alarmAt    int64         // call alarm
	alarm      func()        // of SetAlarm
}

// stop stops the timer, if it was started, and clears all times.
func (t *schedule) stop() {
	if t.timer != nil {
		t.timer.stop()
	}
	*t = schedule{}
}

// earliest returns the earliest of the times, 0 if there is none.
func (t *schedule) earliest() (first int64) {
	for _, at := range [...]int64{t.pingAt, t.deadAt, t.idleAt, t.probeEndAt, t.completeAt, t.alarmAt} {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}

// SetAlarm calls fn after d, on a goroutine of its own, unless the session closes before.
// It replaces an alarm set before; a nil fn cancels it.
func (s *Session) SetAlarm(d time.Duration, fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen {
		return
	}
	s.schedule.alarm, s.schedule.alarmAt = fn, 0
	if fn != nil {
		s.schedule.alarmAt = s.server.now() + int64(max(d, 1))
	}
	s.armTimerLocked()
}

// startHeartbeat starts the heartbeat, unless the session has closed.
func (s *Session) startHeartbeat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen {
		return
	}
	h, now := &s.heartbeat, s.server.now()
	h.lastPacket.Store(now)
	h.lastPong.Store(now)
	if s.handshake.Version == eio.V4 {
		s.schedule.pingAt = now + h.interval
	} else {
		s.schedule.deadAt = now + h.interval + h.timeout
	}
	if !s.direct {
		s.schedule.idleAt = now + h.idleTime()
	}
	s.armTimerLocked()
}

// armTimerLocked sets the timer if it would fire too late. A timer that fires too early
// is set again when it does, so that packets of the client cost nothing.
func (s *Session) armTimerLocked() {
	at := s.schedule.earliest()
	if at == 0 || s.schedule.armedFor != 0 && s.schedule.armedFor <= at {
		return
	}
	s.schedule.armedFor = at
	wait := time.Duration(max(at-s.server.now(), 1))
	if s.schedule.timer == nil {
		s.schedule.timer = startSessionTimer(s, wait)
		return
	}
	s.schedule.timer.reset(wait)
}

// runSchedule does everything that is due, and sets the timer again.
func (s *Session) runSchedule() {
	s.mu.Lock()
	now := s.server.now()
	s.schedule.armedFor = 0
	var probe *outbound
	if clearIfDue(&s.schedule.probeEndAt, now) {
		probe, s.probe, s.polls.released = s.probe, nil, false
	}
	var alarm func()
	if clearIfDue(&s.schedule.alarmAt, now) {
		alarm, s.schedule.alarm = s.schedule.alarm, nil
	}
	complete := clearIfDue(&s.schedule.completeAt, now)
	at := s.schedule.pingAt
	ping := clearIfDue(&s.schedule.pingAt, now)
	if ping {
		// The delay of the timer does not add up from one heartbeat to the next.
		timeout := s.heartbeat.timeout
		s.schedule.pingSentAt, s.schedule.deadAt = now, max(at, now-timeout/4)+timeout
		s.schedule.unanswered++
	}
	dead := s.isSilentLocked(now)
	dead = s.isIdleLocked(now) || dead
	s.armTimerLocked()
	s.mu.Unlock()

	if ping {
		s.sendPing(pingPacket)
	}
	if probe != nil {
		probe.closeGracefully(frames.CloseFrame(0))
	}
	if alarm != nil {
		alarm()
	}
	if complete {
		s.completeClose()
	}
	if dead {
		s.closeWith(ReasonPingTimeout, closeMode{cause: "no packet within ping_interval and ping_timeout"})
	}
}

// clearIfDue reports whether a time has come, and clears it then.
func clearIfDue(at *int64, now int64) bool {
	if *at == 0 || *at > now {
		return false
	}
	*at = 0
	return true
}
