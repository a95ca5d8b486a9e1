package redisadapter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// pendingRequests are the requests of a namespace whose replies are awaited.
type pendingRequests struct {
	adapter string // its name

	mu   sync.Mutex // guards byID; a leaf
	byID map[string]*pendingRequest
}

// newPendingRequests returns an empty set.
func newPendingRequests(adapter string) *pendingRequests {
	return &pendingRequests{adapter: adapter, byID: make(map[string]*pendingRequest)}
}

// pendingRequest is one request whose replies are awaited.
type pendingRequest struct {
	adapter string        // its name
	wake    chan struct{} // holds a token after a reply or a failure; never closed

	mu      sync.Mutex // guards the following; a leaf
	replies []rawReply
	bytes   int64 // of replies
	failure error // of publishing the request
}

// addRequest begins to keep replies to request id.
func (p *pendingRequests) addRequest(id string) *pendingRequest {
	r := &pendingRequest{adapter: p.adapter, wake: make(chan struct{}, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byID[id] = r
	return r
}

// removeRequest is the reverse of addRequest.
func (p *pendingRequests) removeRequest(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byID, id)
}

// isWaiting reports whether replies to any request are awaited.
func (p *pendingRequests) isWaiting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byID) > 0
}

// routeReply keeps a reply, of a size in bytes, until the requesting goroutine collects it.
// Replies to other requests are ignored. It returns false when the replies exceed
// maxInbound.
func (p *pendingRequests) routeReply(id string, reply rawReply, size int) bool {
	p.mu.Lock()
	r := p.byID[id]
	p.mu.Unlock()
	return r == nil || r.appendReply(reply, int64(size)+messageOverhead)
}

func (r *pendingRequest) appendReply(reply rawReply, size int64) bool {
	r.mu.Lock()
	fits := r.bytes+size <= maxInbound
	if fits {
		r.replies, r.bytes = append(r.replies, reply), r.bytes+size
	}
	r.mu.Unlock()
	r.wakeRequester()
	return fits
}

// failRequest ends the request with the error of publishing it.
func (r *pendingRequest) failRequest(err error) {
	r.mu.Lock()
	r.failure = err
	r.mu.Unlock()
	r.wakeRequester()
}

func (r *pendingRequest) wakeRequester() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// takeReplies returns the replies since the last call.
func (r *pendingRequest) takeReplies() ([]rawReply, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	replies := r.replies
	r.replies, r.bytes = nil, 0
	return replies, r.failure
}

// collectReplies waits until the number of nodes has replied, and clients have
// acknowledged as the nodes announce, or until ctx ends. It calls each with each reply;
// malformed ones are counted and ignored.
func (r *pendingRequest) collectReplies(ctx context.Context, ns *namespace, q cluster.Request, nodes int, each func(cluster.Reply)) error {
	count := replyCount{nodes: nodes}
	for !count.isComplete() {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %d of %d replied", r.adapter, cluster.ErrIncomplete, count.replied, count.nodes)
		}
		replies, err := r.takeReplies()
		if err != nil {
			return unreachableError(err)
		}
		for _, raw := range replies {
			reply, err := ns.codec.decodeReply(q, raw)
			if err != nil {
				ns.conn.countMalformed(ns, err)
			} else if count.countReply(reply) {
				each(reply)
			}
		}
	}
	return nil
}

// boundRequest bounds ctx by the life of the adapter and by a timeout. The deadline of
// ctx alone bounds clients' acknowledgements, if it has one.
func boundRequest(ctx, adapter context.Context, q cluster.Request, timeout time.Duration) (context.Context, context.CancelFunc) {
	_, acks := q.(cluster.EmitAck)
	_, limited := ctx.Deadline()
	var cancel context.CancelFunc
	if acks && limited {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, timeout)
	}
	stop := context.AfterFunc(adapter, cancel)
	if adapter.Err() != nil {
		cancel() // now, not a little later
	}
	return ctx, func() {
		stop()
		cancel()
	}
}

// millisecondsLeft returns the milliseconds until the deadline of ctx, at least 1.
func millisecondsLeft(ctx context.Context) int64 {
	deadline, _ := ctx.Deadline()
	return max(1, time.Until(deadline).Milliseconds())
}

// replyCount counts the replies to a request.
type replyCount struct {
	nodes   int // expected to reply
	replied int
	clients int // announced to acknowledge
	acks    int
}

// countReply counts a reply, and reports whether it was expected.
func (n *replyCount) countReply(reply cluster.Reply) bool {
	switch reply := reply.(type) {
	case cluster.ClientAck:
		n.acks++
		return true
	case cluster.ClientCount:
		n.clients += int(reply)
	}
	n.replied++
	return n.replied <= n.nodes
}

func (n *replyCount) isComplete() bool { return n.replied >= n.nodes && n.acks >= n.clients }
