package redis

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
)

// Request puts a question to the other servers. Without a deadline in ctx it waits as
// long as requests_timeout says, as it does at most for all but clients'
// acknowledgements.
func (a *adapter) Request(ctx context.Context, q cluster.Request, each func(cluster.Reply)) error {
	ln, dialect := a.line, a.line.link.dialect
	ctx, cancel := redislink.Bounded(ctx, a.ctx, q, ln.link.settings.requestsTimeout)
	defer cancel()
	s, err := ln.link.Ready(ctx, ln)
	if err != nil {
		return err
	}
	nodes, err := ln.link.Count(ctx, s, ln.names.request)
	if err != nil {
		return err
	}
	if nodes <= 1 {
		return nil // there is nobody else
	}
	id := dialect.id()
	payload, err := dialect.question(ln, id, q, redislink.TimeLeft(ctx))
	if err != nil {
		return err
	}
	asked := ln.asked.Expect(id)
	defer ln.asked.Forget(id)
	published := func(err error) {
		if err != nil {
			asked.Fail(err)
		}
	}
	if err := ln.link.out.Push(outgoing{channel: ln.names.request, payload: payload, done: published}); err != nil {
		return err
	}
	read := func(message string) (cluster.Reply, error) { return dialect.readAnswer(q, message) }
	ctx, stop := ln.link.Answerable(ctx, s, q)
	defer stop()
	return asked.Collect(ctx, nodes-1, read, ln.ignore, each)
}

// answered hands a response to who awaits it. It is read there.
func (ln *line) answered(message string) {
	if !ln.asked.Answer(ln.link.dialect.responseID(message), message, len(message)) {
		ln.link.Lose("too many answers at once")
	}
}
