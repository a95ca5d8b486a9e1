package redisstreams

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/redis/rueidis"
)

// endlessTime is how long a session is saved again that another server saved without
// an end.
const endlessTime = 2 * time.Minute

// storedSession is a session as it is in Redis.
type storedSession struct {
	name    string // of the key
	value   string
	expires time.Time
}

// findSession gets the session that is saved under a pid. The command goes through the
// queue: this node may be about to save the session.
func (ln *line) findSession(ctx context.Context, pid string) (s storedSession, err error) {
	s.name = ln.link.names.sessions + pid
	get := ln.link.startQuery(aGet, s.name, nil)
	timeLeft := ln.link.startQuery(aTimeLeft, s.name, nil)
	result, err := get.wait(ctx)
	if err != nil {
		return s, err
	}
	if s.value, err = result.ToString(); err != nil {
		return s, err
	}
	if result, err = timeLeft.wait(ctx); err != nil {
		return s, err
	}
	ms, err := result.AsInt64()
	keep := time.Duration(ms) * time.Millisecond
	if ms < 0 {
		keep = endlessTime
	}
	s.expires = time.Now().Add(keep)
	return s, err
}

// claimSession deletes a session, for the one node that gets it. When it is not known
// whether Redis did that, or when ctx ends before, the session is saved again.
func (ln *line) claimSession(ctx context.Context, s storedSession) error {
	claim := ln.link.startQuery(aClaim, s.name, func() { _ = ln.link.saveAgain(s) })
	_, err := claim.wait(ctx)
	return err
}

// saveAgain queues a session for the rest of its time.
func (l *link) saveAgain(s storedSession) error {
	keep := time.Until(s.expires)
	if keep <= 0 {
		return nil
	}
	return l.out.Push(outgoing{kind: aValue, name: s.name, payload: s.value, keep: keep})
}

// query is a command about a session whose reply is awaited.
type query struct {
	replies chan queryReply
	settled atomic.Bool // the reply came, or is not awaited any more
}

type queryReply struct {
	result rueidis.RedisResult
	err    error
}

// startQuery queues a command. When its reply comes and nobody waits for it any more,
// or when the reply is lost and Redis may have done the command, it calls undo, which
// does not block.
func (l *link) startQuery(kind outgoingKind, name string, undo func()) *query {
	q := &query{replies: make(chan queryReply, 1)}
	err := l.out.Push(outgoing{kind: kind, name: name, done: func(result rueidis.RedisResult, err error) {
		awaited := q.settled.CompareAndSwap(false, true)
		if awaited {
			q.replies <- queryReply{result, err}
		}
		_, refused := rueidis.IsRedisErr(err)
		if undo != nil && !refused && (!awaited || err != nil) {
			undo()
		}
	}})
	if err != nil {
		q.replies <- queryReply{err: err}
	}
	return q
}

// wait returns the reply. The error is [cluster.ErrNotSaved] when there is no such key.
func (q *query) wait(ctx context.Context) (rueidis.RedisResult, error) {
	var reply queryReply
	select {
	case reply = <-q.replies:
	case <-ctx.Done():
		if q.settled.CompareAndSwap(false, true) {
			return reply.result, ctx.Err()
		}
		reply = <-q.replies
	}
	if rueidis.IsRedisNil(reply.err) {
		return reply.result, cluster.ErrNotSaved
	}
	return reply.result, reply.err
}
