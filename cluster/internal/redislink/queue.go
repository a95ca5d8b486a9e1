package redislink

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Bounds of what waits to be published.
const (
	maxQueued      = 1 << 16  // messages
	maxQueuedBytes = 32 << 20 // bytes
	maxBatch       = 256      // messages in one go
)

// ErrTooLarge says that a message has more bytes than MaxMessage.
var ErrTooLarge = errors.New("message larger than 16 MiB")

// Errors of what is given up.
var (
	errDropped = errors.New("given up, too much is waiting to be published")
	errTooOld  = errors.New("given up, could not be published in time")
)

// Item is something to be published.
type Item interface {
	// Size is how many bytes the message has.
	Size() int
	// Cost is what it costs in memory.
	Cost() int
	// Expired reports whether it is too late for something this old.
	Expired(age time.Duration) bool
	// GiveUp is told that it will not be published. It does not block.
	GiveUp(why error)
}

// Queue holds what is to be published. One goroutine empties it, so that all arrives in
// the order in which it was queued.
type Queue[M Item] struct {
	engine string
	count  func(given int)
	wake   chan struct{} // there is something in the queue

	mu     sync.Mutex // guards the following
	queue  []Queued[M]
	bytes  int
	active bool          // a batch is on its way
	idle   chan struct{} // closed when the queue is empty; nil when nobody waits for that
}

// Queued is a message that is or was in a queue.
type Queued[M Item] struct {
	Item M
	at   time.Time
}

// NewQueue returns an empty queue of an engine. What is given up is counted.
func NewQueue[M Item](engine string, count func(given int)) *Queue[M] {
	return &Queue[M]{engine: engine, count: count, wake: make(chan struct{}, 1)}
}

func (q *Queue[M]) fail(why error) error { return fmt.Errorf("%s: %w", q.engine, why) }

// Push queues a message. When the queue is full, the oldest go.
func (q *Queue[M]) Push(m M) error {
	if m.Size() > MaxMessage {
		q.count(1)
		return q.fail(ErrTooLarge)
	}
	q.mu.Lock()
	q.queue = append(q.queue, Queued[M]{m, time.Now()})
	q.bytes += m.Cost()
	n := 0
	for bytes := q.bytes; len(q.queue)-n > maxQueued || bytes > maxQueuedBytes; n++ {
		bytes -= q.queue[n].Item.Cost()
	}
	gone := q.take(n)
	q.mu.Unlock()
	q.give(gone, errDropped)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// take removes the first n messages. The caller holds mu.
func (q *Queue[M]) take(n int) []Queued[M] {
	if n == 0 {
		return nil
	}
	taken := slices.Clone(q.queue[:n])
	for i := range taken {
		q.bytes -= taken[i].Item.Cost()
	}
	clear(q.queue[:n]) // so that the array behind the queue keeps none alive
	if q.queue = q.queue[n:]; len(q.queue) == 0 {
		q.queue = nil
	}
	return taken
}

// give gives messages up.
func (q *Queue[M]) give(ms []Queued[M], why error) {
	if len(ms) == 0 {
		return
	}
	why = q.fail(why)
	for i := range ms {
		ms[i].Item.GiveUp(why)
	}
	q.count(len(ms))
}

// batch removes what goes out next, and gives up what has waited too long.
func (q *Queue[M]) batch() []Queued[M] {
	for {
		next, old, more := q.sort()
		q.give(old, errTooOld)
		if !more {
			return next
		}
	}
}

// sort removes some messages, and says which of them go out and which are too old; and
// whether there are more when none goes out.
func (q *Queue[M]) sort() (next, old []Queued[M], more bool) {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	next = slices.DeleteFunc(q.take(min(len(q.queue), maxBatch)), func(m Queued[M]) bool {
		expired := m.Item.Expired(now.Sub(m.at))
		if expired {
			old = append(old, m)
		}
		return expired
	})
	q.active = len(next) > 0
	more = !q.active && len(q.queue) > 0
	if !q.active && !more && q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
	return next, old, more
}

// back puts messages that could not be sent where they were.
func (q *Queue[M]) back(ms []Queued[M]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = slices.Concat(ms, q.queue)
	for i := range ms {
		q.bytes += ms[i].Item.Cost()
	}
}

// Flush waits until the queue is empty, but not longer than d.
func (q *Queue[M]) Flush(d time.Duration) {
	q.mu.Lock()
	if len(q.queue) == 0 && !q.active {
		q.mu.Unlock()
		return
	}
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	idle := q.idle
	q.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}
