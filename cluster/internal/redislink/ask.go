package redislink

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// Questions are those of a line that answers are awaited to. M is an answer as it was
// received.
type Questions[M any] struct {
	engine string

	mu    sync.Mutex // guards asked
	asked map[string]*Question[M]
}

// NewQuestions returns none yet, of a line of an engine.
func NewQuestions[M any](engine string) *Questions[M] {
	return &Questions[M]{engine: engine, asked: make(map[string]*Question[M])}
}

// Question is one that answers are awaited to.
type Question[M any] struct {
	engine string
	signal chan struct{} // there is something to look at

	mu       sync.Mutex // guards the following
	messages []M        // answers
	size     int64      // of messages
	failed   error      // why the question was not published
}

// Expect notes that answers to question id are awaited.
func (qs *Questions[M]) Expect(id string) *Question[M] {
	q := &Question[M]{engine: qs.engine, signal: make(chan struct{}, 1)}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	qs.asked[id] = q
	return q
}

// Forget is the reverse of Expect.
func (qs *Questions[M]) Forget(id string) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	delete(qs.asked, id)
}

// IDs returns the questions.
func (qs *Questions[M]) IDs() (ids []string) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	for id := range qs.asked {
		ids = append(ids, id)
	}
	return ids
}

// Any reports whether there is one.
func (qs *Questions[M]) Any() bool {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	return len(qs.asked) > 0
}

// Answer hands an answer, of a size in bytes, to who awaits it. It is false when there
// are too many at once.
func (qs *Questions[M]) Answer(id string, m M, size int) bool {
	qs.mu.Lock()
	q := qs.asked[id]
	qs.mu.Unlock()
	return q == nil || q.add(m, int64(size)+Overhead)
}

// Fail takes note of why the question was not published.
func (q *Question[M]) Fail(err error) {
	q.mu.Lock()
	q.failed = err
	q.mu.Unlock()
	q.notify()
}

// add keeps an answer; false when there are too many.
func (q *Question[M]) add(m M, size int64) bool {
	q.mu.Lock()
	fits := q.size+size <= MaxInbound
	if fits {
		q.messages, q.size = append(q.messages, m), q.size+size
	}
	q.mu.Unlock()
	q.notify()
	return fits
}

func (q *Question[M]) notify() {
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

// take returns the answers that have come since.
func (q *Question[M]) take() ([]M, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	messages := q.messages
	q.messages, q.size = nil, 0
	return messages, q.failed
}

// Collect waits until so many nodes have answered, and clients have acknowledged as they
// say, or until ctx ends. It calls each with what read makes of the answers; it calls
// ignore where read fails.
func (q *Question[M]) Collect(ctx context.Context, nodes int, read func(M) (cluster.Reply, error), ignore func(error), each func(cluster.Reply)) error {
	t := tally{nodes: nodes}
	for !t.complete() {
		select {
		case <-q.signal:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %d of %d answered", q.engine, cluster.ErrIncomplete, t.answered, t.nodes)
		}
		messages, err := q.take()
		if err != nil {
			return Away(err)
		}
		for _, m := range messages {
			answer, err := read(m)
			if err != nil {
				ignore(err)
			} else if t.add(answer) {
				each(answer)
			}
		}
	}
	return nil
}

// Bounded bounds ctx by the life of who asks, and by the time that a question may take:
// that of clients' acknowledgements is their own, if they have one.
func Bounded(ctx, asker context.Context, q cluster.Request, timeout time.Duration) (context.Context, context.CancelFunc) {
	_, acks := q.(cluster.EmitAck)
	_, limited := ctx.Deadline()
	var cancel context.CancelFunc
	if acks && limited {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, timeout)
	}
	stop := context.AfterFunc(asker, cancel)
	if asker.Err() != nil {
		cancel() // now, not a little later
	}
	return ctx, func() {
		stop()
		cancel()
	}
}

// TimeLeft returns the milliseconds until the deadline of ctx, one at least.
func TimeLeft(ctx context.Context) int64 {
	deadline, _ := ctx.Deadline()
	return max(1, time.Until(deadline).Milliseconds())
}

// tally counts answers.
type tally struct {
	nodes    int // that are to answer
	answered int
	clients  int // that are to acknowledge
	acks     int
}

// add counts an answer, and reports whether it is one of those expected.
func (t *tally) add(answer cluster.Reply) bool {
	switch answer := answer.(type) {
	case cluster.ClientAck:
		t.acks++
		return true
	case cluster.ClientCount:
		t.clients += int(answer)
	}
	t.answered++
	return t.answered <= t.nodes
}

func (t *tally) complete() bool { return t.answered >= t.nodes && t.acks >= t.clients }
