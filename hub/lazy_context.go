package hub

import (
	"context"
	"sync"
	"time"
)

// lazyContext is a context that ends by end, or with the context of its hub. It makes a
// channel only when Done is called: few handlers wait for it, and each connection has two
// such contexts. It implements [context.Context].
type lazyContext struct {
	hub *Hub // static

	mu     sync.Mutex // guards the following; a leaf
	ended  bool
	inner  context.Context // nil before the first call of Done
	cancel context.CancelFunc
}

// end ends the context.
func (c *lazyContext) end() {
	c.mu.Lock()
	c.ended = true
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// hasEnded reports whether end was called.
func (c *lazyContext) hasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Deadline returns no deadline.
func (c *lazyContext) Deadline() (deadline time.Time, ok bool) { return }

// Done returns a channel that is closed when the context has ended.
func (c *lazyContext) Done() <-chan struct{} { return c.makeInner().Done() }

// Err returns nil until the context has ended.
func (c *lazyContext) Err() error {
	if c.hasEnded() {
		return context.Canceled
	}
	return c.hub.ctx.Err()
}

// Value returns the value of a key. Package context finds the inner context by it, when it has
// called Done, so that a derived context needs no goroutine.
func (c *lazyContext) Value(key any) any {
	c.mu.Lock()
	parent := c.inner
	ended := c.ended
	c.mu.Unlock()
	switch {
	case parent != nil:
	case ended: // the cause is not the one of the hub
		parent = c.makeInner()
	default:
		parent = c.hub.ctx
	}
	return parent.Value(key)
}

// makeInner returns the context that has a channel.
func (c *lazyContext) makeInner() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		c.inner, c.cancel = context.WithCancel(c.hub.ctx)
		if c.ended {
			c.cancel()
		}
	}
	return c.inner
}
