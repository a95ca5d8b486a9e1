package redisadapter

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// Bounds of the queue.
const (
	maxQueued      = 1 << 16  // commands
	maxQueuedBytes = 32 << 20 // bytes
	maxBatch       = 256      // commands sent at once
)

// errTooLarge is the error of a message that has more bytes than maxMessageSize.
var errTooLarge = errors.New("message larger than 16 MiB")

// Errors of commands that are given up.
var (
	errQueueFull = errors.New("given up, too much is waiting to be published")
	errTooOld    = errors.New("given up, could not be published in time")
)

// queue holds the commands for Redis. One goroutine empties it, so that messages arrive
// in the order queued. When the queue is full, the oldest commands are given up.
type queue struct {
	// Static after construction.
	name    string         // of the adapter
	dropped *atomic.Uint64 // commands given up
	wake    chan struct{}  // holds a token after a push; never closed

	mu       sync.Mutex // guards the following; a leaf
	commands []queued
	bytes    int
	sending  bool          // a batch is being sent
	empty    chan struct{} // closed when the queue is empty; nil unless waited for
}

// queued is a command that is or was in a queue.
type queued struct {
	command
	at time.Time
}

// newQueue returns an empty queue that counts the commands given up.
func newQueue(name string, dropped *atomic.Uint64) *queue {
	return &queue{name: name, dropped: dropped, wake: make(chan struct{}, 1)}
}

// queueError returns an error that names the adapter.
func (q *queue) queueError(reason error) error { return fmt.Errorf("%s: %w", q.name, reason) }

// push queues a command. It fails for a message that is too large.
func (q *queue) push(cmd command) error {
	if len(cmd.payload) > maxMessageSize {
		q.dropped.Add(1)
		return q.queueError(errTooLarge)
	}
	q.mu.Lock()
	q.commands = append(q.commands, queued{cmd, time.Now()})
	q.bytes += cmd.cost()
	n := 0
	for bytes := q.bytes; len(q.commands)-n > maxQueued || bytes > maxQueuedBytes; n++ {
		bytes -= q.commands[n].cost()
	}
	oldest := q.shift(n)
	q.mu.Unlock()
	q.giveUp(oldest, errQueueFull)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// shift removes and returns the first n commands. The caller holds mu.
func (q *queue) shift(n int) []queued {
	if n == 0 {
		return nil
	}
	first := slices.Clone(q.commands[:n])
	for i := range first {
		q.bytes -= first[i].cost()
	}
	clear(q.commands[:n]) // so that the array behind the queue keeps none alive
	if q.commands = q.commands[n:]; len(q.commands) == 0 {
		q.commands = nil
	}
	return first
}

// giveUp finishes commands with an error, and counts them.
func (q *queue) giveUp(commands []queued, reason error) {
	if len(commands) == 0 {
		return
	}
	reason = q.queueError(reason)
	for i := range commands {
		commands[i].finish(rueidis.RedisResult{}, reason)
	}
	q.dropped.Add(uint64(len(commands)))
}

// takeBatch removes the commands to send next, and gives up expired ones.
func (q *queue) takeBatch() []queued {
	for {
		next, expired, more := q.splitExpired()
		q.giveUp(expired, errTooOld)
		if !more {
			return next
		}
	}
}

// splitExpired removes up to maxBatch commands, and separates the expired ones. It
// reports whether there are more when all of them have expired.
func (q *queue) splitExpired() (next, expired []queued, more bool) {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	next = slices.DeleteFunc(q.shift(min(len(q.commands), maxBatch)), func(cmd queued) bool {
		old := cmd.isExpired(now.Sub(cmd.at))
		if old {
			expired = append(expired, cmd)
		}
		return old
	})
	q.sending = len(next) > 0
	more = !q.sending && len(q.commands) > 0
	if !q.sending && !more && q.empty != nil {
		close(q.empty)
		q.empty = nil
	}
	return next, expired, more
}

// putBack puts commands that could not be sent back to the front.
func (q *queue) putBack(commands []queued) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.commands = slices.Concat(commands, q.commands)
	for i := range commands {
		q.bytes += commands[i].cost()
	}
}

// waitEmpty waits until the queue is empty, at most for d.
func (q *queue) waitEmpty(d time.Duration) {
	q.mu.Lock()
	if len(q.commands) == 0 && !q.sending {
		q.mu.Unlock()
		return
	}
	if q.empty == nil {
		q.empty = make(chan struct{})
	}
	empty := q.empty
	q.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-empty:
	case <-timer.C:
	}
}
