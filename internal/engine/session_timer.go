package engine

import (
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

// sessionTimer calls Session.runSchedule. The runtime keeps a stopped timer, and all that its
// function refers to, until the time that it was set for, or until a quarter of its timers are
// stopped. So the function refers to the session by a pointer that stop clears: a closed session
// would keep its memory for a heartbeat.
type sessionTimer struct {
	timer   *time.Timer
	session atomic.Pointer[Session]
}

// startSessionTimer starts a timer that calls the session's runSchedule after d.
func startSessionTimer(s *Session, d time.Duration) *sessionTimer {
	t := new(sessionTimer)
	t.session.Store(s)
	t.timer = time.AfterFunc(d, t.fire)
	return t
}

// fire calls the session, unless the timer was stopped.
func (t *sessionTimer) fire() {
	if s := t.session.Load(); s != nil {
		spawn.Call(s.server.options.Log(), "session timer", s.runSchedule, nil)
	}
}

// reset makes the timer fire after d. It must not be stopped.
func (t *sessionTimer) reset(d time.Duration) { t.timer.Reset(d) }

// stop stops the timer for good.
func (t *sessionTimer) stop() {
	t.timer.Stop()
	t.session.Store(nil)
}
