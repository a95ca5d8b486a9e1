package redislink

import (
	"errors"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// Publish empties a queue while Redis answers, until the link ends. The messages that
// send returns can't have reached Redis: they are the next to be sent.
func Publish[L Line, M Item](l *Link[L], q *Queue[M], send func(*Session[L], []Queued[M]) (left []Queued[M])) {
	for {
		s, changed := l.Current()
		if s == nil {
			select {
			case <-changed:
				continue
			case <-l.ctx.Done():
				return
			}
		}
		batch := q.batch()
		if len(batch) == 0 {
			select {
			case <-q.wake:
				continue
			case <-changed:
				continue
			case <-l.ctx.Done():
				return
			}
		}
		if left := send(s, batch); len(left) > 0 {
			q.back(left)
			l.Rest()
		}
	}
}

// CountUnpublished counts messages that are not published.
func (l *Link[L]) CountUnpublished(n int) { l.unpublished.Add(uint64(n)) }

// Published takes note of what Redis said to a message, by its error.
func (l *Link[L]) Published(err error) {
	if _, refused := rueidis.IsRedisErr(err); refused && !rueidis.IsRedisNil(err) {
		l.refusal.Store(&err)
	} else if err == nil && l.refusal.Load() != nil {
		l.refusal.Store(nil)
	}
}

// NotPublished counts a message that Redis did not take, and says so.
func (l *Link[L]) NotPublished(err error, fields ...zap.Field) {
	l.unpublished.Add(1)
	l.Complain("messages are not published", append(fields, zap.Error(err))...)
}

// Unsent reports whether an error means that nothing can have reached Redis.
func Unsent(err error) bool {
	if err == nil {
		return false
	}
	_, dialing := errors.AsType[*redisconn.DialError](err)
	return dialing || errors.Is(err, rueidis.ErrClosing)
}
