package redis

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// question is a request that answers are awaited to.
type question struct {
	signal chan struct{} // there is something to look at

	mu       sync.Mutex // guards the following
	messages []string   // responses
	size     int64      // of messages
	failed   error      // the request was not published
}

// Ask puts a question to the other servers. Without a deadline in ctx it waits as
// long as requests_timeout says, as it does at most for all but clients'
// acknowledgements.
func (a *adapter) Ask(ctx context.Context, q cluster.Query, each func(cluster.Answer)) error {
	if err := a.ctx.Err(); err != nil {
		return errAway(err)
	}
	ctx, cancel := a.bounded(ctx, q)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	ln := a.line
	s, err := ln.link.ready(ctx, ln)
	if err != nil {
		return err
	}
	nodes, err := ln.link.count(ctx, s, ln.names.request)
	if err != nil {
		return err
	}
	if nodes <= 1 {
		return nil // there is nobody else
	}
	id := ln.link.dialect.id()
	payload, err := ln.link.dialect.question(ln, id, q, timeLeft(ctx))
	if err != nil {
		return err
	}
	asked := ln.expect(id)
	defer ln.forget(id)
	if err := ln.link.out.push(outgoing{channel: ln.names.request, payload: payload, done: asked.published}); err != nil {
		return err
	}
	t := tally{nodes: nodes - 1}
	for !t.complete() {
		select {
		case <-asked.signal:
		case <-ctx.Done():
			return fmt.Errorf("redis: %w: %d of %d answered", cluster.ErrIncomplete, t.answered, t.nodes)
		}
		messages, err := asked.take()
		if err != nil {
			return errAway(err)
		}
		for _, m := range messages {
			answer, err := ln.link.dialect.readAnswer(q, m)
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

// expect notes that responses to request id are awaited.
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

// answered hands a response to who awaits it. It is read there.
func (ln *line) answered(message string) {
	id := ln.link.dialect.responseID(message)
	ln.mu.Lock()
	q := ln.asked[id]
	ln.mu.Unlock()
	if q != nil && !q.add(message) {
		ln.link.lose("too many answers at once")
	}
}

// published takes note of what became of the request.
func (q *question) published(err error) {
	if err != nil {
		q.mu.Lock()
		q.failed = err
		q.mu.Unlock()
		q.notify()
	}
}

// add keeps a response; false when there are too many.
func (q *question) add(message string) bool {
	size := int64(len(message)) + overhead
	q.mu.Lock()
	fits := q.size+size <= maxInbound
	if fits {
		q.messages, q.size = append(q.messages, message), q.size+size
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

// take returns the responses that have come since.
func (q *question) take() ([]string, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	messages := q.messages
	q.messages, q.size = nil, 0
	return messages, q.failed
}
