package hub

import (
	"context"
	"sync"
	"time"
)

// graceTime is how long an event may take after its socket disconnected.
const graceTime = 2 * time.Second

// gracePeriod bounds the handling of events after their socket disconnected. The events
// that the client sent last are handled, as in Node.js. But an event that takes longer
// than linger has its context ended, and the events behind it are dropped.
type gracePeriod struct {
	mu     sync.Mutex // guards the following; a leaf
	ctx    context.Context
	cancel context.CancelFunc // nil until the first event
	timer  *time.Timer        // nil until the socket disconnects
	ended  bool               // true when no event is handled any longer
}

// eventContext returns the context of the socket's events. It ends with parent.
func (l *gracePeriod) eventContext(parent context.Context) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel == nil {
		l.ctx, l.cancel = context.WithCancel(parent)
	}
	if l.ended {
		l.cancel()
	}
	return l.ctx
}

// beginEvent starts the time of the event that is being handled.
func (l *gracePeriod) beginEvent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
	case l.timer == nil:
		l.timer = time.AfterFunc(graceTime, l.endContext)
	default:
		l.timer.Reset(graceTime)
	}
}

// endContext ends the context of the events.
func (l *gracePeriod) endContext() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.cancel != nil {
		l.cancel()
	}
}

// hasEnded reports whether later events are dropped.
func (l *gracePeriod) hasEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}
