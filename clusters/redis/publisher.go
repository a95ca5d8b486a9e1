package redis

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
	// maxAge is how old a message may be when it is published. Other servers
	// take a moment to come back, too: what is older comes too late for most.
	maxAge = 5 * time.Second
	// overhead is what a message costs besides its bytes.
	overhead = 128
)

var (
	errDropped  = errors.New("redis: given up, too much is waiting to be published")
	errTooLarge = errors.New("redis: message larger than 16 MiB")
	errTooOld   = errors.New("redis: given up, could not be published in time")
)

// publisher is the queue of what is to be published. One goroutine empties it, so
// that all arrives in the order in which it was queued.
type publisher struct {
	wake    chan struct{} // there is something in the queue
	dropped atomic.Uint64

	mu     sync.Mutex // guards the following
	queue  []outgoing
	bytes  int
	active bool          // a batch is on its way
	idle   chan struct{} // closed when the queue is empty; nil when nobody waits for that
}

// outgoing is a message to be published.
type outgoing struct {
	channel string
	payload []byte
	queued  time.Time
	done    func(error) // nil when nobody wants to know; does not block
}

func (m *outgoing) end(err error) {
	if m.done != nil {
		m.done(err)
	}
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
	p.bytes += len(m.payload) + overhead
	n := 0
	for bytes := p.bytes; len(p.queue)-n > maxQueued || bytes > maxQueuedBytes; n++ {
		bytes -= len(p.queue[n].payload) + overhead
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
		p.bytes -= len(taken[i].payload) + overhead
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
		ms[i].end(why)
	}
	p.dropped.Add(uint64(len(ms)))
}

// batch removes what goes out next, and gives up what has waited too long.
func (p *publisher) batch() []outgoing {
	oldest := time.Now().Add(-maxAge)
	p.mu.Lock()
	n := 0
	for n < len(p.queue) && p.queue[n].queued.Before(oldest) {
		n++
	}
	old := p.take(n)
	next := p.take(min(len(p.queue), maxBatch))
	p.active = len(next) > 0
	if !p.active && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
	p.mu.Unlock()
	p.give(old, errTooOld)
	return next
}

// back puts a batch that could not be sent where it was.
func (p *publisher) back(ms []outgoing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = slices.Concat(ms, p.queue)
	for i := range ms {
		p.bytes += len(ms[i].payload) + overhead
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

// send publishes a batch. It returns false when something was not sent; then it has
// put that back.
func (l *link) send(s *session, batch []outgoing) bool {
	commands := make(rueidis.Commands, len(batch))
	for i := range batch {
		commands[i] = l.dialect.publish(s, &batch[i])
	}
	var results []rueidis.RedisResult
	if l.settings.sharded != "" {
		results = s.client.DoMulti(l.ctx, commands...)
	} else {
		results = s.home.DoMulti(l.ctx, commands...)
	}
	var left []outgoing // for a server that can't be reached
	for i := range results {
		err := results[i].Error()
		if unsent(err) {
			left = append(left, batch[i])
			continue
		}
		l.answered(err)
		if err != nil {
			l.out.dropped.Add(1)
			l.complain("messages are not published", zap.String("channel", batch[i].channel), zap.Error(err))
		}
		batch[i].end(err)
	}
	if len(left) > 0 {
		l.out.back(left)
	}
	return len(left) == 0
}

// unsent reports whether an error means that nothing can have reached Redis.
func unsent(err error) bool {
	if err == nil {
		return false
	}
	_, dialing := errors.AsType[*redisconn.DialError](err)
	return dialing || errors.Is(err, rueidis.ErrClosing)
}
