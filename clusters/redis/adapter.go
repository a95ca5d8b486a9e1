package redis

import (
	"context"
	"fmt"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// adapter is a hub's end of a line. A call of the node that has begun when Close is
// called may end after it: the node itself may be the one to close it.
type adapter struct {
	line   *line
	node   cluster.Node
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	once   sync.Once
	rooms  cluster.RoomWatch // nil where rooms have no channels of their own
}

// Publish queues an operation for the other servers.
func (a *adapter) Publish(op cluster.Op) error {
	if a.ctx.Err() != nil {
		return errClosed
	}
	ln := a.line
	m, err := ln.link.dialect.op(ln, op)
	if err != nil || m.payload == nil {
		return err
	}
	return ln.link.out.push(m)
}

// Nodes counts the servers that are subscribed to the namespace. It fails at once
// while Redis is out of reach.
func (a *adapter) Nodes(ctx context.Context) (int, error) {
	s, err := a.line.link.ready(ctx, a.line)
	if err != nil {
		return 0, err
	}
	return a.line.link.count(ctx, s, a.line.names.request)
}

// count returns how many are subscribed to a channel, at all servers of a Redis
// Cluster: each of them knows its own only.
func (l *link) count(ctx context.Context, s *session, channel string) (int, error) {
	total := 0
	for address, node := range s.client.Nodes() {
		counts, err := node.Do(ctx, l.dialect.count(node.B(), channel)).AsIntMap()
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
