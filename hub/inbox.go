package hub

import "sync"

// An inbox with so many events or bytes makes the connection's reader wait.
const (
	inboxEvents = 256
	inboxBytes  = 1 << 20
)

// inbox holds the events of one socket until they are handled, in the order sent. A
// goroutine runs the event loop, see [Socket.startEventLoop], while there are events in
// the queue. Events of parallel rules are in lanes of their own. The limits are for the
// queue and the lanes together.
type inbox struct {
	mu        sync.Mutex // guards the following
	queue     []*Event
	lanes     *parallelLanes // nil before the first event of a parallel rule
	bytes     int            // of events that wait, and of all in lanes
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
	if !b.lockWithSpace(false, done) {
		ev.Socket.releaseEvent(ev)
		return false
	}
	defer b.mu.Unlock()
	return b.putLocked(ev)
}

// lockWithSpace locks mu when the inbox has room for an event: in a lane of a parallel
// rule, or in the queue. ok is false, and mu is not locked, after the last event and after
// done is closed.
func (b *inbox) lockWithSpace(parallel bool, done <-chan struct{}) (ok bool) {
	for {
		b.mu.Lock()
		if b.closed {
			b.mu.Unlock()
			return false
		}
		if b.hasSpaceLocked(parallel) {
			return true
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

// hasSpaceLocked reports whether there is room for one more event. There always is for
// the first one of the queue, and for the first one in the lanes: so one lane does not
// hold up another. The caller holds mu.
func (b *inbox) hasSpaceLocked(parallel bool) bool {
	first := len(b.queue) == 0
	if parallel {
		first = b.lanes == nil || len(b.lanes.list) == 0
	}
	return first || len(b.queue)+b.lanes.countWaiting() < inboxEvents && b.bytes < inboxBytes
}

// countWaiting returns the number of events that wait, and the bytes of them and of the ones
// in lanes.
func (b *inbox) countWaiting() (events, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) + b.lanes.countWaiting(), b.bytes
}

// signalSpaceLocked wakes the reader that waits for space. The caller holds mu.
func (b *inbox) signalSpaceLocked() {
	if b.space != nil {
		close(b.space)
		b.space = nil
	}
}

// pushLast adds the last event, even to a full inbox. The contexts of the events in lanes
// end. It reports whether the caller must start the event loop.
func (b *inbox) pushLast(ev *Event) (start bool) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.closed = true
	start = b.putLocked(ev)
	lanes := b.lanes
	b.dropWaitingLocked()
	b.mu.Unlock()
	if lanes != nil {
		lanes.cancel()
	}
	return start
}

// putLocked adds an event. The caller holds mu.
func (b *inbox) putLocked(ev *Event) (start bool) {
	b.queue = append(b.queue, ev)
	b.bytes += ev.Args.Size()
	start = !b.hasRunner
	b.hasRunner = true
	return start
}

// beginInPlace reports whether the caller may handle an event outside of the queue: no
// event is handled or waits before it. Until endInPlace is called no event loop starts.
func (b *inbox) beginInPlace() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hasRunner || b.closed {
		return false
	}
	b.hasRunner = true
	return true
}

// endInPlace ends the handling that beginInPlace has begun. It reports whether the caller
// must start the event loop: events have come meanwhile.
func (b *inbox) endInPlace() (start bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hasRunner = len(b.queue) > 0
	return b.hasRunner
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
	b.signalSpaceLocked()
	return ev, true
}
