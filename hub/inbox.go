package hub

import (
	"sync"
)

// What an inbox holds before it makes the connection's reader wait.
const (
	inboxEvents = 256
	inboxBytes  = 1 << 20
)

// inbox holds the events of one socket until they are handled, in the order
// sent. It has a runner only while it holds something.
type inbox struct {
	mu        sync.Mutex // guards the following
	queue     []*Event
	bytes     int
	hasRunner bool
	closed    bool // the last event is in
	// space is made by a reader that finds the inbox full, and closed when
	// there is room again.
	space chan struct{}
}

// push puts ev at the end and reports whether the caller must start a runner.
// It waits while the inbox is full, until done is closed: ev is then dropped, as
// it is when the last event is in.
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

// pushLast puts ev at the end, for which there is always room, and closes the
// inbox. It reports whether the caller must start a runner.
func (b *inbox) pushLast(ev *Event) (start bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.closed = true
	return b.putLocked(ev)
}

func (b *inbox) putLocked(ev *Event) (start bool) {
	b.queue = append(b.queue, ev)
	b.bytes += ev.Args.Size()
	start = !b.hasRunner
	b.hasRunner = true
	return start
}

// pop takes the first event out. Without one it reports false, and the runner
// is no more.
func (b *inbox) pop() (*Event, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.hasRunner, b.queue = false, nil
		return nil, false
	}
	ev := b.queue[0]
	b.queue[0] = nil
	b.queue = b.queue[1:]
	b.bytes -= ev.Args.Size()
	if b.space != nil {
		close(b.space)
		b.space = nil
	}
	return ev, true
}
