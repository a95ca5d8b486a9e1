package redisstreams

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/clusters/internal/peer"
	"github.com/redis/rueidis"
)

// adapter is a hub's end of a line. A call of the node that has begun when Close is
// called may end after it: the node itself may be the one to close it.
type adapter struct {
	line   *line
	node   cluster.Node
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	once   sync.Once
}

// Publish queues an operation for the other servers.
func (a *adapter) Publish(op cluster.Op) error {
	if a.ctx.Err() != nil {
		return errClosed
	}
	m, err := a.line.outgoing(op)
	if err != nil {
		return err
	}
	return a.line.link.out.push(m)
}

// outgoing returns the message that an operation is.
func (ln *line) outgoing(op cluster.Op) (m outgoing, err error) {
	d, err := peer.OfOp(op)
	if err != nil {
		return m, err
	}
	if d.Type == peer.TypeServerEmit {
		m = outgoing{kind: aMessage, name: ln.public}
		m.payload, err = ln.message(d)
	} else {
		m = outgoing{kind: anEntry, line: ln, name: strconv.Itoa(d.Type)}
		m.payload, err = entryText(d)
	}
	return m, err
}

// Nodes counts the servers that are subscribed to the namespace. It fails at once
// while Redis is out of reach.
func (a *adapter) Nodes(ctx context.Context) (int, error) {
	s, err := a.line.link.ready(ctx, a.line)
	if err != nil {
		return 0, err
	}
	return s.count(ctx, a.line.public)
}

// count returns how many are subscribed to a channel, at all servers of a Redis
// Cluster: each of them knows its own only.
func (s *session) count(ctx context.Context, channel string) (int, error) {
	total := 0
	for address, node := range s.client.Nodes() {
		counts, err := node.Do(ctx, node.B().PubsubNumsub().Channel(channel).Build()).AsIntMap()
		if err != nil {
			return 0, fmt.Errorf("counting servers at %s: %w: %w", address, cluster.ErrIncomplete, err)
		}
		total += int(counts[channel])
	}
	return total, nil
}

// Close leaves the namespace. Questions that are being asked or answered end.
func (a *adapter) Close() error {
	a.once.Do(func() {
		a.cancel()
		a.line.leave(a)
	})
	return nil
}

// failed is a callback for who wants to know only that something went wrong.
func failed(fn func(error)) func(rueidis.RedisResult, error) {
	return func(_ rueidis.RedisResult, err error) {
		if err != nil {
			fn(err)
		}
	}
}
