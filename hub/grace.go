package hub

import (
	"sync"
	"time"
)

// graceTime is how long an event may take after its socket disconnected.
const graceTime = 2 * time.Second

// gracePeriod bounds the handling of events after their socket disconnected. The events
// that the client sent last are handled, as in Node.js. But an event that takes longer
// than linger has its context ended, and the events behind it are dropped.
type gracePeriod struct {
	ctx lazyContext // of the socket's events; ended when no event is handled any longer

	mu    sync.Mutex  // guards timer; a leaf
	timer *time.Timer // nil until the socket disconnects
}

// beginEvent starts the time of the event that is being handled.
func (l *gracePeriod) beginEvent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ctx.hasEnded():
	case l.timer == nil:
		l.timer = time.AfterFunc(graceTime, l.endContext)
	default:
		l.timer.Reset(graceTime)
	}
}

// endContext ends the context of the events. Later events are dropped.
func (l *gracePeriod) endContext() {
	l.mu.Lock()
	l.ctx.end()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
}
