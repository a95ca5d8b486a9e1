package redisstreams

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// question is one that answers are awaited to.
type question struct {
	signal chan struct{} // there is something to look at

	mu       sync.Mutex // guards the following
	messages []*message // answers
	size     int64      // of messages
	failed   error      // why the question was not published
}

// Ask puts a question to the other servers. Without a deadline in ctx it waits as
// long as requests_timeout says, as it does at most for all but clients'
// acknowledgements.
func (a *adapter) Ask(ctx context.Context, q cluster.Query, each func(cluster.Answer)) error {
	ctx, cancel := a.bounded(ctx, q)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	ln := a.line
	s, err := ln.link.ready(ctx, ln)
	if err != nil {
		return err
	}
	nodes, err := s.count(ctx, ln.public)
	if err != nil {
		return err
	}
	if nodes <= 1 {
		return nil // there is nobody else
	}
	id := newID()
	payload, err := ln.encodeQuery(id, q, timeLeft(ctx))
	if err != nil {
		return err
	}
	asked := ln.expect(id)
	defer ln.forget(id)
	if err := ln.link.out.push(outgoing{kind: aMessage, name: ln.public, payload: payload, done: failed(asked.fail)}); err != nil {
		return err
	}
	t := tally{nodes: nodes - 1}
	for !t.complete() {
		select {
		case <-asked.signal:
		case <-ctx.Done():
			return fmt.Errorf("redis_streams: %w: %d of %d answered", cluster.ErrIncomplete, t.answered, t.nodes)
		}
		messages, err := asked.take()
		if err != nil {
			return errAway(err)
		}
		for _, m := range messages {
			answer, err := m.answer(q)
			if err != nil {
				ln.ignore(err)
			} else if t.add(answer) {
				each(answer)
			}
		}
	}
	return nil
}

// bounded bounds ctx by the time that a question may take.
func (a *adapter) bounded(ctx context.Context, q cluster.Query) (context.Context, context.CancelFunc) {
	if _, acks := q.(cluster.EmitAck); acks {
		if _, ok := ctx.Deadline(); ok {
			return context.WithCancel(ctx)
		}
	}
	return context.WithTimeout(ctx, a.line.link.settings.requestsTimeout)
}

// timeLeft returns the milliseconds until the deadline of ctx, one at least.
func timeLeft(ctx context.Context) int64 {
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
func (t *tally) add(answer cluster.Answer) bool {
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

// expect notes that answers to question id are awaited.
func (ln *line) expect(id string) *question {
	q := &question{signal: make(chan struct{}, 1)}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.asked[id] = q
	return q
}

func (ln *line) forget(id string) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	delete(ln.asked, id)
}

// answered hands an answer to who awaits it.
func (ln *line) answered(m *message) {
	ln.mu.Lock()
	q := ln.asked[string(m.RequestID)]
	ln.mu.Unlock()
	if q != nil && !q.add(m) {
		ln.link.lose("too many answers at once")
	}
}

// fail takes note of why the question was not published.
func (q *question) fail(err error) {
	q.mu.Lock()
	q.failed = err
	q.mu.Unlock()
	q.notify()
}

// add keeps an answer; false when there are too many.
func (q *question) add(m *message) bool {
	size := int64(m.Data.Size()) + overhead
	q.mu.Lock()
	fits := q.size+size <= maxInbound
	if fits {
		q.messages, q.size = append(q.messages, m), q.size+size
	}
	q.mu.Unlock()
	q.notify()
	return fits
}

func (q *question) notify() {
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

// take returns the answers that have come since.
func (q *question) take() ([]*message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	messages := q.messages
	q.messages, q.size = nil, 0
	return messages, q.failed
}
