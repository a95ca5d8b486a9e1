package redisadapter

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

// savedSocket is a session as it is in Redis.
type savedSocket struct {
	name    string // of the key
	value   string
	expires time.Time
}

// findSavedSocket gets the session that is saved under a pid. The command goes through the
// queue: this node may be about to save the session.
func (c *streamsCodec) findSavedSocket(ctx context.Context, pid string) (s savedSocket, err error) {
	s.name = c.streams.sessions + pid
	get := c.streams.startLookup(getValue, s.name, nil)
	timeLeft := c.streams.startLookup(getTimeLeft, s.name, nil)
	result, err := get.waitResult(ctx)
	if err != nil {
		return s, err
	}
	if s.value, err = result.ToString(); err != nil {
		return s, err
	}
	if result, err = timeLeft.waitResult(ctx); err != nil {
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

// takeSavedSocket deletes a session, for the one node that gets it. When it is not known
// whether Redis did that, or when ctx ends before, the session is saved again.
func (c *streamsCodec) takeSavedSocket(ctx context.Context, s savedSocket) error {
	take := c.streams.startLookup(takeValue, s.name, func() { _ = c.streams.saveAgain(s) })
	_, err := take.waitResult(ctx)
	return err
}

// saveAgain queues a session for the rest of its time.
func (d *streams) saveAgain(s savedSocket) error {
	keep := time.Until(s.expires)
	if keep <= 0 {
		return nil
	}
	return d.conn.queue.push(command{kind: setValue, name: s.name, payload: s.value, keep: keep})
}

// lookup is a command about a session whose reply is awaited.
type lookup struct {
	results chan lookupResult
	settled atomic.Bool // the reply came, or is not awaited any more
}

type lookupResult struct {
	result rueidis.RedisResult
	err    error
}

// startLookup queues a command. When its reply comes and nobody waits for it any more,
// or when the reply is lost and Redis may have done the command, it calls undo, which
// does not block.
func (d *streams) startLookup(kind commandKind, name string, undo func()) *lookup {
	l := &lookup{results: make(chan lookupResult, 1)}
	err := d.conn.queue.push(command{kind: kind, name: name, done: func(result rueidis.RedisResult, err error) {
		awaited := l.settled.CompareAndSwap(false, true)
		if awaited {
			l.results <- lookupResult{result, err}
		}
		_, refused := rueidis.IsRedisErr(err)
		if undo != nil && !refused && (!awaited || err != nil) {
			undo()
		}
	}})
	if err != nil {
		l.results <- lookupResult{err: err}
	}
	return l
}

// waitResult returns the reply. The error is [cluster.ErrNotSaved] when there is no such key.
func (l *lookup) waitResult(ctx context.Context) (rueidis.RedisResult, error) {
	var reply lookupResult
	select {
	case reply = <-l.results:
	case <-ctx.Done():
		if l.settled.CompareAndSwap(false, true) {
			return reply.result, ctx.Err()
		}
		reply = <-l.results
	}
	if rueidis.IsRedisNil(reply.err) {
		return reply.result, cluster.ErrNotSaved
	}
	return reply.result, reply.err
}
