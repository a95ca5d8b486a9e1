package redisadapter

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/redis/rueidis"
)

// defaultKeepTime is how long a lost socket is saved again if its key had no time to live.
const defaultKeepTime = 2 * time.Minute

// savedValue is a lost socket as it is in Redis.
type savedValue struct {
	key     string // of the key
	value   string
	expires time.Time
}

// findSaved returns the lost socket that is saved under a pid. The commands pass through
// the queue: this node may be about to save the socket.
func (c *streamsCodec) findSaved(ctx context.Context, pid string) (s savedValue, err error) {
	s.key = c.streams.sessions + pid
	get := c.streams.startLookup(getValue, s.key, nil)
	timeLeft := c.streams.startLookup(getTimeLeft, s.key, nil)
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
		keep = defaultKeepTime
	}
	s.expires = time.Now().Add(keep)
	return s, err
}

// takeSaved deletes a lost socket, so that one node alone restores it. If the outcome is
// unknown, or if ctx ends before, the socket is saved again.
func (c *streamsCodec) takeSaved(ctx context.Context, s savedValue) error {
	take := c.streams.startLookup(takeValue, s.key, func() { _ = c.streams.saveValueAgain(s) })
	_, err := take.waitResult(ctx)
	return err
}

// waitPublished returns when the commands that this node queued before are done: its own
// command goes through the same queue.
func (c *streamsCodec) waitPublished(ctx context.Context) error {
	_, err := c.streams.startLookup(getValue, c.streams.sessions, nil).waitResult(ctx)
	if errors.Is(err, cluster.ErrNotSaved) {
		return nil
	}
	return err
}

// saveValueAgain queues a lost socket to be saved for the rest of its time.
func (d *streams) saveValueAgain(s savedValue) error {
	keep := time.Until(s.expires)
	if keep <= 0 {
		return nil
	}
	return d.conn.queue.push(command{kind: setValue, name: s.key, payload: s.value, keep: keep})
}

// lookup is a command about a lost socket whose result is awaited.
type lookup struct {
	results   chan lookupResult
	isSettled atomic.Bool // the result arrived, or is not awaited
}

type lookupResult struct {
	result rueidis.RedisResult
	err    error
}

// startLookup queues a command. It calls undo when the result arrives after the wait ended,
// and when the result is lost although Redis may have run the command. undo does not block.
func (d *streams) startLookup(kind commandKind, name string, undo func()) *lookup {
	l := &lookup{results: make(chan lookupResult, 1)}
	err := d.conn.queue.push(command{kind: kind, name: name, done: func(result rueidis.RedisResult, err error) {
		awaited := l.isSettled.CompareAndSwap(false, true)
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

// waitResult returns the result. The error is cluster.ErrNotSaved when the key does not
// exist.
func (l *lookup) waitResult(ctx context.Context) (rueidis.RedisResult, error) {
	var reply lookupResult
	select {
	case reply = <-l.results:
	case <-ctx.Done():
		if l.isSettled.CompareAndSwap(false, true) {
			return reply.result, ctx.Err()
		}
		reply = <-l.results
	}
	if rueidis.IsRedisNil(reply.err) {
		return reply.result, cluster.ErrNotSaved
	}
	return reply.result, reply.err
}
