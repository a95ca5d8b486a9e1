package redis

import (
	"context"
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
func (a *adapter) Publish(op cluster.Operation) error {
	if a.ctx.Err() != nil {
		return a.line.link.ClosedError()
	}
	ln := a.line
	m, err := ln.link.dialect.op(ln, op)
	if err != nil || m.payload == nil {
		return err
	}
	return ln.link.out.Push(m)
}

// Nodes counts the servers that are subscribed to the namespace. It fails at once
// while Redis is out of reach.
func (a *adapter) Nodes(ctx context.Context) (int, error) {
	s, err := a.line.link.Ready(ctx, a.line)
	if err != nil {
		return 0, err
	}
	return a.line.link.Count(ctx, s, a.line.names.request)
}

// Close leaves the namespace. Questions that are being asked or answered end.
func (a *adapter) Close() error {
	a.once.Do(func() {
		a.cancel()
		a.line.leave(a)
	})
	return nil
}
