package hub

import (
	"sync"
)

// An inbox with so many events or bytes makes the connection's reader wait.
const (
	inboxEvents = 256
	inboxBytes  = 1 << 20
)

// inbox holds the events of one socket until they are handled, in the order sent. A
// goroutine runs the event loop, see [Socket.startEventLoop], while there are events.
type inbox struct {
	mu        sync.Mutex // guards the following
	queue     []*Event
	bytes     int
	hasRunner bool
	closed    bool // true after the last event
	// space is made by a reader that finds the inbox full, and closed when
	// there is room again.
	space chan struct{}
}

// push adds an event and reports whether the caller must start the event loop. It waits
// while the inbox is full, until done is closed. Then the event is dropped, as it is after
// the last event.
func (b *inbox) push(ev *Event, done <-chan struct{}) (start bool) {
	for {
		b.mu.Lock()
		if b.closed {
			b.mu.Unlock()
			return false
		}
		if len(b.queue) == 0 || len(b.queue) < inboxEvents && b.bytes < inboxBytes {
			start = b.putLocked(ev)
			b.mu.Unlock()
			return start
		}
		if b.space == nil {
			b.space = make(chan struct{})
		}
		space := b.space
		b.mu.Unlock()
		select {
		case <-space:
		case <-done:
			return false
		}
	}
}

// pushLast adds the last event, even to a full inbox. It reports whether the caller must
// start the event loop.
func (b *inbox) pushLast(ev *Event) (start bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.closed = true
	return b.putLocked(ev)
}

// putLocked adds an event. The caller holds mu.
func (b *inbox) putLocked(ev *Event) (start bool) {
	b.queue = append(b.queue, ev)
	b.bytes += ev.Args.Size()
	start = !b.hasRunner
	b.hasRunner = true
	return start
}

// pop removes the first event. ok is false when there is none: then the caller, the event
// loop, ends.
func (b *inbox) pop() (ev *Event, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.hasRunner, b.queue = false, nil
		return nil, false
	}
	ev = b.queue[0]
	b.queue[0] = nil
	b.queue = b.queue[1:]
	b.bytes -= ev.Args.Size()
	if b.space != nil {
		close(b.space)
		b.space = nil
	}
	return ev, true
}
