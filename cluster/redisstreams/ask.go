package redisstreams

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
)

// Request puts a question to the other servers. Without a deadline in ctx it waits as
// long as requests_timeout says, as it does at most for all but clients'
// acknowledgements.
func (a *adapter) Request(ctx context.Context, q cluster.Request, each func(cluster.Reply)) error {
	ln := a.line
	ctx, cancel := redislink.Bounded(ctx, a.ctx, q, ln.link.settings.requestsTimeout)
	defer cancel()
	s, err := ln.link.Ready(ctx, ln)
	if err != nil {
		return err
	}
	nodes, err := ln.link.Count(ctx, s, ln.public)
	if err != nil {
		return err
	}
	if nodes <= 1 {
		return nil // there is nobody else
	}
	id := newID()
	payload, err := ln.encodeQuery(id, q, redislink.TimeLeft(ctx))
	if err != nil {
		return err
	}
	asked := ln.asked.Expect(id)
	defer ln.asked.Forget(id)
	if err := ln.link.out.Push(outgoing{kind: aMessage, line: ln, name: ln.public, payload: payload, done: failed(asked.Fail)}); err != nil {
		return err
	}
	read := func(m *message) (cluster.Reply, error) { return m.answer(q) }
	ctx, stop := ln.link.Answerable(ctx, s, q)
	defer stop()
	return asked.Collect(ctx, nodes-1, read, ln.ignore, each)
}

// answered hands an answer to who awaits it.
func (ln *line) answered(m *message) {
	if !ln.asked.Answer(string(m.RequestID), m, m.Data.Size()) {
		ln.link.Lose("too many answers at once")
	}
}
