package redisstreams

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/clusters/internal/redisconn"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// Bounds of what waits to be published.
const (
	maxQueued      = 1 << 16  // messages
	maxQueuedBytes = 32 << 20 // bytes
	maxBatch       = 256      // messages in one go
	// maxAge is how old a message of a channel may be when it is published. Who
	// asked it has given up by then. Entries of the stream may be older: others
	// read them whenever they are back, too.
	maxAge      = 5 * time.Second
	maxEntryAge = time.Minute
	// overhead is what a message costs besides its bytes.
	overhead = 128
)

var (
	errDropped  = errors.New("redis_streams: given up, too much is waiting to be published")
	errTooLarge = errors.New("redis_streams: message larger than 16 MiB")
	errTooOld   = errors.New("redis_streams: given up, could not be published in time")
)

// publisher is the queue of what is to be published. One goroutine empties it, so
// that all entries are in the stream in the order in which they were queued.
type publisher struct {
	wake    chan struct{} // there is something in the queue
	dropped atomic.Uint64

	mu     sync.Mutex // guards the following
	queue  []outgoing
	bytes  int
	active bool          // a batch is on its way
	idle   chan struct{} // closed when the queue is empty; nil when nobody waits for that
}

// outgoing is a message to be published, or a value to be set.
type outgoing struct {
	kind    outgoingKind
	line    *line  // whose entry it is
	name    string // of a channel or key; the type of an entry
	payload string
	keep    time.Duration // of a value
	queued  time.Time
	done    func(rueidis.RedisResult, error) // nil when nobody wants to know; does not block
}

type outgoingKind uint8

const (
	anEntry outgoingKind = iota // of the stream
	aMessage
	aValue
	aQuery // gets and deletes a value
)

// cost is what the message costs in memory.
func (m *outgoing) cost() int { return len(m.payload) + len(m.name) + overhead }

func (m *outgoing) end(result rueidis.RedisResult, err error) {
	if m.done != nil {
		m.done(result, err)
	}
}

// expired reports whether it is too late for a message.
func (m *outgoing) expired(now time.Time) bool {
	most := maxEntryAge
	if m.kind == aMessage || m.kind == aQuery {
		most = maxAge
	}
	return now.Sub(m.queued) > most
}

// command is what Redis is told.
func (m *outgoing) command(l *link, b rueidis.Builder) rueidis.Completed {
	switch m.kind {
	case aMessage:
		return b.Publish().Channel(m.name).Message(m.payload).Build()
	case aValue:
		return b.Set().Key(m.name).Value(m.payload).PxMilliseconds(max(1, m.keep.Milliseconds())).Build()
	case aQuery:
		return b.Getdel().Key(m.name).Build()
	}
	return b.Arbitrary("XADD").Keys(l.names.stream).Args("MAXLEN", "~", l.settings.maxLenText(), "*",
		"uid", m.line.uid, "nsp", m.line.namespace, "type", m.name, "data", m.payload).Build()
}

// push queues a message. When the queue is full, the oldest go.
func (p *publisher) push(m outgoing) error {
	if len(m.payload) > maxMessage {
		p.dropped.Add(1)
		return errTooLarge
	}
	m.queued = time.Now()
	p.mu.Lock()
	p.queue = append(p.queue, m)
	p.bytes += m.cost()
	n := 0
	for bytes := p.bytes; len(p.queue)-n > maxQueued || bytes > maxQueuedBytes; n++ {
		bytes -= p.queue[n].cost()
	}
	gone := p.take(n)
	p.mu.Unlock()
	p.give(gone, errDropped)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// take removes the first n messages. The caller holds mu.
func (p *publisher) take(n int) []outgoing {
	if n == 0 {
		return nil
	}
	taken := slices.Clone(p.queue[:n])
	for i := range taken {
		p.bytes -= taken[i].cost()
	}
	clear(p.queue[:n]) // so that the array behind the queue keeps none alive
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = nil
	}
	return taken
}

// give gives messages up.
func (p *publisher) give(ms []outgoing, why error) {
	for i := range ms {
		ms[i].end(rueidis.RedisResult{}, why)
	}
	p.dropped.Add(uint64(len(ms)))
}

// batch removes what goes out next, and gives up what has waited too long.
func (p *publisher) batch() []outgoing {
	now := time.Now()
	p.mu.Lock()
	var old []outgoing
	next := p.take(min(len(p.queue), maxBatch))
	next = slices.DeleteFunc(next, func(m outgoing) bool {
		expired := m.expired(now)
		if expired {
			old = append(old, m)
		}
		return expired
	})
	p.active = len(next) > 0
	if !p.active && len(p.queue) == 0 && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
	more := !p.active && len(p.queue) > 0
	p.mu.Unlock()
	p.give(old, errTooOld)
	if more {
		return p.batch()
	}
	return next
}

// back puts messages that could not be sent where they were.
func (p *publisher) back(ms []outgoing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = slices.Concat(ms, p.queue)
	for i := range ms {
		p.bytes += ms[i].cost()
	}
}

// flush waits until the queue is empty, but not longer than d.
func (p *publisher) flush(d time.Duration) {
	p.mu.Lock()
	if len(p.queue) == 0 && !p.active {
		p.mu.Unlock()
		return
	}
	if p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}

// publish empties the queue while there is a connection, until the link ends.
func (l *link) publish() {
	for {
		s, changed := l.current()
		if s == nil {
			select {
			case <-changed:
				continue
			case <-l.ctx.Done():
				return
			}
		}
		batch := l.out.batch()
		if len(batch) == 0 {
			select {
			case <-l.out.wake:
				continue
			case <-changed:
				continue
			case <-l.ctx.Done():
				return
			}
		}
		if !l.send(s, batch) {
			l.pause(minPause)
		}
	}
}

// send publishes a batch. It returns false when some of it was not sent; then it
// has put that back. What belongs to a key and what does not may go to different
// servers of a Redis Cluster, and is sent apart.
func (l *link) send(s *session, batch []outgoing) bool {
	var keyed, plain []outgoing
	for _, m := range batch {
		if m.kind == aMessage {
			plain = append(plain, m)
		} else {
			keyed = append(keyed, m)
		}
	}
	left := l.sendTo(s.client, keyed)
	if len(left) == 0 {
		left = l.sendTo(s.home, plain)
	} else {
		left = append(left, plain...)
	}
	if len(left) > 0 {
		l.out.back(left)
	}
	return len(left) == 0
}

// sendTo publishes messages, and returns those that nothing can have been sent of.
func (l *link) sendTo(c rueidis.Client, ms []outgoing) (left []outgoing) {
	if len(ms) == 0 {
		return nil
	}
	commands := make(rueidis.Commands, len(ms))
	for i := range ms {
		commands[i] = ms[i].command(l, c.B())
	}
	results := c.DoMulti(l.ctx, commands...)
	for i := range results {
		err := results[i].Error()
		if unsent(err) {
			left = append(left, ms[i])
			continue
		}
		l.answered(err)
		if err != nil && !rueidis.IsRedisNil(err) {
			l.out.dropped.Add(1)
			l.complain("messages are not published", zap.Error(err))
		}
		ms[i].end(results[i], err)
	}
	return left
}

// unsent reports whether an error means that nothing can have reached Redis.
func unsent(err error) bool {
	if err == nil {
		return false
	}
	_, dialing := errors.AsType[*redisconn.DialError](err)
	return dialing || errors.Is(err, rueidis.ErrClosing)
}
