package redisstreams

import (
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/redis/rueidis"
)

const (
	// maxAge is how old a message of a channel may be when it is published. Who
	// asked it has given up by then. Entries of the stream may be older: others
	// read them whenever they are back, too.
	maxAge      = 5 * time.Second
	maxEntryAge = time.Minute
)

// outgoing is a message to be published, or a value to be set.
type outgoing struct {
	kind    outgoingKind
	line    *line  // whose entry it is; of a message, whose entries it follows
	name    string // of a channel or key; the type of an entry
	payload string
	tag     string                           // of an entry that is recorded
	keep    time.Duration                    // of a value
	done    func(rueidis.RedisResult, error) // nil when nobody wants to know; does not block
}

type outgoingKind uint8

const (
	anEntry outgoingKind = iota // of the stream
	aMessage
	aValue
	anUpdate  // of a value that is there
	aGet      // gets a value
	aTimeLeft // gets the time until a value expires
	aClaim    // gets and deletes a value
)

// Size is how many bytes the message has.
func (m outgoing) Size() int { return len(m.payload) }

// Cost is what it costs in memory.
func (m outgoing) Cost() int { return len(m.payload) + len(m.name) + redislink.Overhead }

// Expired reports whether it is too late for something this old.
func (m outgoing) Expired(age time.Duration) bool {
	if m.kind == anEntry || m.kind == aValue || m.kind == anUpdate {
		return age > maxEntryAge
	}
	return age > maxAge
}

// GiveUp is told that the message will not be published.
func (m outgoing) GiveUp(why error) { m.end(rueidis.RedisResult{}, why) }

func (m *outgoing) end(result rueidis.RedisResult, err error) {
	if m.done != nil {
		m.done(result, err)
	}
}

// command is what Redis is told.
func (m *outgoing) command(l *link, b rueidis.Builder) rueidis.Completed {
	switch m.kind {
	case aMessage:
		return b.Publish().Channel(m.name).Message(m.ordered()).Build()
	case aValue:
		return b.Set().Key(m.name).Value(m.payload).PxMilliseconds(max(1, m.keep.Milliseconds())).Build()
	case anUpdate:
		return b.Set().Key(m.name).Value(m.payload).Xx().PxMilliseconds(max(1, m.keep.Milliseconds())).Build()
	case aGet:
		return b.Get().Key(m.name).Build()
	case aTimeLeft:
		return b.Pttl().Key(m.name).Build()
	case aClaim:
		return b.Getdel().Key(m.name).Build()
	}
	add := b.Arbitrary("XADD").Keys(l.names.stream).Args("MAXLEN", "~", l.settings.maxLenText(), "*",
		"uid", m.line.uid, "nsp", m.line.namespace, "type", m.name, "data", m.payload)
	if m.tag != "" {
		add = add.Args("tag", m.tag) // Node.js's servers ignore it
	}
	return add.Build()
}

// send publishes a batch in its order. It returns what was not sent, in order. What
// belongs to a key and what does not may go to different servers of a Redis Cluster, and
// is sent apart. Messages wait until the other nodes are subscribed, entries do not.
func (l *link) send(s *session, batch []redislink.Queued[outgoing]) (left []redislink.Queued[outgoing]) {
	for len(batch) > 0 {
		isMessage := batch[0].Item.kind == aMessage
		n := slices.IndexFunc(batch, func(m redislink.Queued[outgoing]) bool { return (m.Item.kind == aMessage) != isMessage })
		if n < 0 {
			n = len(batch)
		}
		run := batch[:n]
		batch = batch[n:]
		if isMessage && !s.Gathered() {
			left = append(left, run...)
			continue
		}
		to := s.Client
		if isMessage {
			to = s.Home
		}
		if unsent := l.sendTo(to, run); len(unsent) > 0 {
			return slices.Concat(left, unsent, batch)
		}
	}
	return left
}

// sendTo publishes messages, and returns those that nothing can have been sent of.
func (l *link) sendTo(c rueidis.Client, ms []redislink.Queued[outgoing]) (left []redislink.Queued[outgoing]) {
	if len(ms) == 0 {
		return nil
	}
	commands := make(rueidis.Commands, len(ms))
	for i := range ms {
		commands[i] = ms[i].Item.command(l, c.B())
	}
	results := c.DoMulti(l.Context(), commands...)
	for i := range results {
		err := results[i].Error()
		if redislink.Unsent(err) {
			left = append(left, ms[i])
			continue
		}
		if id, idErr := results[i].ToString(); ms[i].Item.kind == anEntry && idErr == nil {
			ms[i].Item.line.noteAdded(id)
		}
		if l.Published(err); err != nil && !rueidis.IsRedisNil(err) {
			l.NotPublished(err)
		}
		ms[i].Item.end(results[i], err)
	}
	return left
}
