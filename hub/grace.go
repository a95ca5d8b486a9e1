package hub

import (
	"context"
	"sync"
	"time"
)

// linger is how long an event may take after its socket disconnected.
const linger = 2 * time.Second

// lingering bounds the handling of events after their socket disconnected. The events
// that the client sent last are handled, as in Node.js. But an event that takes longer
// than linger has its context ended, and the events behind it are dropped.
type lingering struct {
	mu     sync.Mutex // guards the following; a leaf
	ctx    context.Context
	cancel context.CancelFunc // nil until the first event
	timer  *time.Timer        // nil until the socket disconnects
	over   bool               // true when no event is handled any longer
}

// context returns the context of the socket's events. It ends with parent.
func (l *lingering) context(parent context.Context) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel == nil {
		l.ctx, l.cancel = context.WithCancel(parent)
	}
	if l.over {
		l.cancel()
	}
	return l.ctx
}

// begin starts the time of the event that is being handled.
func (l *lingering) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.over:
	case l.timer == nil:
		l.timer = time.AfterFunc(linger, l.end)
	default:
		l.timer.Reset(linger)
	}
}

// end ends the context of the events.
func (l *lingering) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.cancel != nil {
		l.cancel()
	}
}

// isOver reports whether later events are dropped.
func (l *lingering) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}
