package redisstreams

import (
	"context"
	"strconv"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
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
func (a *adapter) Publish(op cluster.Operation) error {
	if a.ctx.Err() != nil {
		return a.line.link.ClosedError()
	}
	m, err := a.line.outgoing(op)
	if err != nil {
		return err
	}
	return a.line.link.out.Push(m)
}

// outgoing returns the message that an operation is.
func (ln *line) outgoing(op cluster.Operation) (m outgoing, err error) {
	d, err := peer.EncodeOperation(op)
	if err != nil {
		return m, err
	}
	if d.Type == peer.TypeServerEmit {
		m = outgoing{kind: aMessage, line: ln, name: ln.public}
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
	s, err := a.line.link.Ready(ctx, a.line)
	if err != nil {
		return 0, err
	}
	return a.line.link.Count(ctx, s, a.line.public)
}

// countCommand is the command that counts the subscribers of channels.
func countCommand(b rueidis.Builder, channels ...string) rueidis.Completed {
	return b.PubsubNumsub().Channel(channels...).Build()
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
