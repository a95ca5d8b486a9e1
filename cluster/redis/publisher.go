package redis

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// outgoing is a message to be published.
type outgoing struct {
	channel string
	payload []byte
	done    func(error) // nil when nobody wants to know; does not block
}

// maxAge is how old a message may be when it is published. Other servers take a
// moment to come back, too: what is older comes too late for most.
const maxAge = 5 * time.Second

// Size is how many bytes the message has.
func (m outgoing) Size() int { return len(m.payload) }

// Cost is what it costs in memory.
func (m outgoing) Cost() int { return len(m.payload) + redislink.Overhead }

// Expired reports whether it is too late for something this old.
func (m outgoing) Expired(age time.Duration) bool { return age > maxAge }

// GiveUp is told that the message will not be published.
func (m outgoing) GiveUp(why error) {
	if m.done != nil {
		m.done(why)
	}
}

// send publishes a batch. It returns what was not sent, as a server can't be reached, or
// the other nodes are not subscribed yet.
func (l *link) send(s *session, batch []redislink.Queued[outgoing]) (left []redislink.Queued[outgoing]) {
	if !s.Gathered() {
		return batch
	}
	commands := make(rueidis.Commands, len(batch))
	for i := range batch {
		commands[i] = l.dialect.publish(s, &batch[i].Item)
	}
	var results []rueidis.RedisResult
	if l.settings.sharded != "" {
		results = s.Client.DoMulti(l.Context(), commands...)
	} else {
		results = s.Home.DoMulti(l.Context(), commands...)
	}
	for i := range results {
		err := results[i].Error()
		if redislink.Unsent(err) {
			left = append(left, batch[i])
			continue
		}
		m := &batch[i].Item
		if l.Published(err); err != nil {
			l.NotPublished(err, zap.String("channel", m.channel))
		}
		if m.done != nil {
			m.done(err)
		}
	}
	return left
}
