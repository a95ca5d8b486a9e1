package redisadapter

import (
	"context"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// adapter is a hub's end of a namespace. A call of the node that has begun when Close is
// called may return after it: the node itself may call Close.
type adapter struct {
	namespace *namespace
	node      cluster.Node
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	once      sync.Once
	rooms     cluster.RoomWatch // nil where rooms have no channels
}

// Publish queues an operation for the other nodes.
func (a *adapter) Publish(op cluster.Operation) error {
	c := a.namespace.conn
	if a.ctx.Err() != nil {
		return c.closedError()
	}
	cmd, err := a.namespace.codec.encodeOperation(op)
	if err != nil || cmd.payload == "" {
		return err
	}
	return c.queue.push(cmd)
}

// Request sends a request to the other nodes. When ctx has no deadline, it waits for
// requests_timeout, which bounds it for all requests but clients' acknowledgements.
func (a *adapter) Request(ctx context.Context, q cluster.Request, each func(cluster.Reply)) error {
	ns, c := a.namespace, a.namespace.conn
	ctx, cancel := boundRequest(ctx, a.ctx, q, c.settings.RequestsTimeout)
	defer cancel()
	s, err := c.waitSubscribed(ctx, ns)
	if err != nil {
		return err
	}
	nodes, err := c.countNodes(ctx, s, ns)
	if err != nil {
		return err
	}
	if nodes <= 1 {
		return nil // this node only
	}
	id := c.dialect.newID()
	cmd := command{name: ns.names.requests}
	if cmd.payload, err = ns.codec.encodeRequest(id, q, millisecondsLeft(ctx)); err != nil {
		return err
	}
	pending := ns.pending.addRequest(id)
	defer ns.pending.removeRequest(id)
	cmd.done = onError(pending.failRequest)
	cmd.stream, _ = ns.codec.(*streamsCodec)
	if err := c.queue.push(cmd); err != nil {
		return err
	}
	ctx, stop := c.whileRepliesExpected(ctx, s, q)
	defer stop()
	return pending.collectReplies(ctx, ns, q, nodes-1, each)
}

// Nodes counts the nodes that are subscribed to the namespace. It fails at once while
// Redis is out of reach.
func (a *adapter) Nodes(ctx context.Context) (int, error) {
	s, err := a.namespace.conn.waitSubscribed(ctx, a.namespace)
	if err != nil {
		return 0, err
	}
	return a.namespace.conn.countNodes(ctx, s, a.namespace)
}

// Close leaves the namespace. Requests end, and so do replies.
func (a *adapter) Close() error {
	a.once.Do(func() {
		a.cancel()
		a.namespace.removeAdapter(a)
	})
	return nil
}
