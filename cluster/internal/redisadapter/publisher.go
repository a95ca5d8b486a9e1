package redisadapter

import (
	"errors"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// runPublisher empties the queue while Redis responds, until the connection closes.
func (c *connection) runPublisher() {
	for {
		s, changed := c.respondingSession()
		if s == nil {
			select {
			case <-changed:
				continue
			case <-c.ctx.Done():
				return
			}
		}
		batch := c.queue.takeBatch()
		if len(batch) == 0 {
			select {
			case <-c.queue.wake:
				continue
			case <-changed:
				continue
			case <-c.ctx.Done():
				return
			}
		}
		if left := c.sendBatch(s, batch); len(left) > 0 {
			c.queue.putBack(left)
			c.pauseRandomly(minPause)
		}
	}
}

// sendBatch sends commands in order. It returns the ones that were not sent, in order.
// Messages to channels and commands with keys may go to different servers of a Redis
// Cluster, and are sent apart. Messages wait until the other nodes are subscribed.
func (c *connection) sendBatch(s *session, batch []queued) (left []queued) {
	for len(batch) > 0 {
		isMessage := batch[0].kind == publishMessage
		n := slices.IndexFunc(batch, func(cmd queued) bool { return (cmd.kind == publishMessage) != isMessage })
		if n < 0 {
			n = len(batch)
		}
		run := batch[:n]
		batch = batch[n:]
		if isMessage && !s.nodesBack.Load() {
			left = append(left, run...)
			continue
		}
		client := s.client
		if isMessage {
			client = c.dialect.publisher(s)
		}
		if unsent := c.sendRun(client, run); len(unsent) > 0 {
			return slices.Concat(left, unsent, batch)
		}
	}
	return left
}

// sendRun sends commands to one server, and returns the ones that can't have reached it.
func (c *connection) sendRun(client rueidis.Client, run []queued) (unsent []queued) {
	commands := make(rueidis.Commands, len(run))
	for i := range run {
		commands[i] = c.dialect.redisCommand(client.B(), &run[i].command)
	}
	results := client.DoMulti(c.ctx, commands...)
	now := time.Now()
	for i := range results {
		err := results[i].Error()
		if isUnsent(err) {
			unsent = append(unsent, run[i])
			continue
		}
		if err == nil {
			c.publishTimes.Observe(int64(now.Sub(run[i].at)))
		}
		cmd := &run[i].command
		if cmd.kind == addEntry {
			if id, err := results[i].ToString(); err == nil {
				cmd.stream.noteAdded(id)
			}
		}
		c.noteResult(cmd, err)
		cmd.finish(results[i], err)
	}
	return unsent
}

// noteResult counts a command that failed, and keeps the error if Redis refused it.
func (c *connection) noteResult(cmd *command, err error) {
	switch _, refused := rueidis.IsRedisErr(err); {
	case err == nil:
		if c.refusal.Load() != nil {
			c.refusal.Store(nil)
		}
		return
	case rueidis.IsRedisNil(err):
		return
	case refused:
		c.refusal.Store(&err)
	}
	c.unpublished.Add(1)
	fields := []zap.Field{zap.Error(err)}
	if cmd.kind == publishMessage { // a key has a secret in it
		fields = append(fields, zap.String("channel", cmd.name))
	}
	c.warnDropped("publishing to other nodes failed", fields...)
}

// isUnsent reports whether an error means that nothing can have reached Redis.
func isUnsent(err error) bool {
	if err == nil {
		return false
	}
	_, dialing := errors.AsType[*redisconn.DialError](err)
	return dialing || errors.Is(err, rueidis.ErrClosing)
}
