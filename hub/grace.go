package hub

import (
	"context"
	"sync"
	"time"
)

// linger is how long an event may take once its client has gone.
const linger = 2 * time.Second

// lingering ends the work for a client that has gone. What it sent last is handled
// still, as in Node; but when an event takes long then, nobody is left who waits for
// it: its context ends, and those behind it are dropped.
type lingering struct {
	mu     sync.Mutex // guards the following; a leaf
	ctx    context.Context
	cancel context.CancelFunc // nil until the first event
	timer  *time.Timer        // nil while the client is there
	over   bool
}

// context returns the one that the client's events are handled in. It ends with
// parent.
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

// begin gives the event that is handled its time.
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

// end ends the context, and that of all events to come.
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

// isOver reports whether no event is to be handled any more.
func (l *lingering) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}
