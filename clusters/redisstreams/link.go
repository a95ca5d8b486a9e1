package redisstreams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// Bounds of what is kept in memory for the sake of a Redis, or of servers, that
// are slow.
const (
	maxMessage = 16 << 20 // bytes of one message, either way
	maxInbound = 64 << 20 // bytes received and not yet applied, of all namespaces
	maxAnswers = 1024     // questions of other servers that are being answered

	// flushTime is how long a link that ends may go on to publish.
	flushTime = time.Second
	// complaintTime is how long the log is spared another complaint.
	complaintTime = 10 * time.Second
)

// link is a hub's way to the others of its name. It lives as long as a config names
// its Redis, and connects when the first namespace is opened.
type link struct {
	settings *settings
	names    names
	ctx      context.Context // ends with the link
	cancel   context.CancelFunc
	logger   atomic.Pointer[zap.Logger] // that of the config that came last
	out      publisher

	inbound   atomic.Int64  // bytes received and not yet applied
	room      chan struct{} // there is room again for what is received
	lost      atomic.Uint64
	malformed atomic.Uint64
	answering atomic.Int64          // questions of other servers
	complaint atomic.Int64          // when the last one was logged, in nanoseconds since 1970
	refusal   atomic.Pointer[error] // what Redis said to the last message, if it refused it

	mu     sync.Mutex // guards the following
	begun  bool
	closed bool
	lines  map[string]*line // by their namespace
	// channels say whose a channel is.
	channels map[string]*line
	// unsettled are lines that have come or gone, and that the session does not
	// know of yet.
	unsettled map[*line]struct{}
	session   *session      // nil while there is no connection
	away      error         // why there is none; nil before the first attempt
	changed   chan struct{} // closed when something of this changes
	position  string        // the last entry of the stream that was read
}

func newLink(s *settings, hub string, log *zap.Logger) *link {
	l := &link{
		settings: s, names: newNames(s, hub), room: make(chan struct{}, 1), lines: make(map[string]*line),
		channels: make(map[string]*line), unsettled: make(map[*line]struct{}), changed: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.logger.Store(log)
	l.out.wake = make(chan struct{}, 1)
	return l
}

// spawn runs fn on a goroutine.
func (l *link) spawn(name string, fn func()) { spawn.Go(l.log(), name, fn, nil) }

// keep runs fn on a goroutine, and again after a panic: without it the link would be
// dead for good.
func (l *link) keep(name string, fn func()) {
	spawn.Go(l.log(), name, fn, func() {
		l.pause(maxPause)
		l.keep(name, fn)
	})
}

func (l *link) log() *zap.Logger { return l.logger.Load() }

var errClosed = errors.New("redis_streams: the cluster is closed")

// complain logs that something is lost, at most once in a while: where one message
// is, many are.
func (l *link) complain(message string, fields ...zap.Field) {
	now, last := time.Now().UnixNano(), l.complaint.Load()
	if now-last > int64(complaintTime) && l.complaint.CompareAndSwap(last, now) {
		l.log().Warn(message, append(fields, zap.Uint64("dropped_total", l.dropped()))...)
	}
}

// lose counts a message of another server that was not handled.
func (l *link) lose(why string) {
	l.lost.Add(1)
	l.complain("messages of other servers are lost", zap.String("why", why))
}

func (l *link) dropped() uint64 { return l.out.dropped.Load() + l.lost.Load() }

// Open joins a namespace. It does not wait.
func (l *link) Open(namespace string, n cluster.Node) (cluster.Adapter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	if !l.begun {
		l.begun = true
		l.keep("redis_streams: subscribe", l.run)
		l.keep("redis_streams: read", l.read)
		l.keep("redis_streams: publish", l.publish)
	}
	ln := l.lines[namespace]
	if ln == nil {
		ln = newLine(l, namespace)
		l.lines[namespace] = ln
		l.unsettled[ln] = struct{}{}
		l.channels[ln.public], l.channels[ln.private] = ln, ln
		l.notify()
	}
	return ln.join(n), nil
}

// drop takes a line away that nobody uses any more.
func (l *link) drop(ln *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines[ln.namespace] == ln && ln.unused() {
		delete(l.lines, ln.namespace)
		delete(l.channels, ln.public)
		delete(l.channels, ln.private)
		l.unsettled[ln] = struct{}{}
		l.notify()
	}
}

// line returns the line of a namespace, nil when it is not open.
func (l *link) line(namespace string) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[namespace]
}

// subscriber returns whose a channel is, nil when it was left a moment ago.
func (l *link) subscriber(channel string) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.channels[channel]
}

// notify wakes those who wait for a change. The caller holds mu.
func (l *link) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Close leaves the namespaces that are still open. The link ends with its configs.
func (l *link) Close() error {
	l.mu.Lock()
	lines := slices.Collect(maps.Values(l.lines))
	l.mu.Unlock()
	for _, ln := range lines {
		for _, a := range ln.users() {
			_ = a.Close() // never fails
		}
	}
	return nil
}

// close ends the link, after what is queued has been published if that can be
// done soon.
func (l *link) close() {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.closed = true
	l.notify()
	connected := l.session != nil
	l.mu.Unlock()
	if connected {
		l.out.flush(flushTime)
	}
	l.cancel()
}

// State describes the link's health.
func (l *link) State() cluster.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := cluster.State{
		Engine: "redis_streams", Connected: l.session != nil,
		Dropped: l.dropped(), Malformed: l.malformed.Load(),
	}
	why := l.away
	if l.session != nil {
		why = l.session.refusal()
		if refusal := l.refusal.Load(); refusal != nil {
			s.Connected, why = false, *refusal
		}
	}
	if why != nil {
		s.Error = why.Error()
	}
	return s
}

// answered takes note of what Redis said to a message, by its error.
func (l *link) answered(err error) {
	if _, refused := rueidis.IsRedisErr(err); refused && !rueidis.IsRedisNil(err) {
		l.refusal.Store(&err)
	} else if err == nil && l.refusal.Load() != nil {
		l.refusal.Store(nil)
	}
}

// errAway says that a question can't be put now, so that no other server will
// answer.
func errAway(why error) error {
	return fmt.Errorf("redis is out of reach: %w: %w", cluster.ErrIncomplete, why)
}

// ready waits until a line is subscribed. It does not wait for a Redis that is
// known to be out of reach.
func (l *link) ready(ctx context.Context, ln *line) (*session, error) {
	for {
		l.mu.Lock()
		s, away, changed, closed := l.session, l.away, l.changed, l.closed
		var refusal error
		settled := false
		if s != nil {
			refusal, settled = s.lines[ln]
		}
		l.mu.Unlock()
		switch {
		case closed:
			return nil, errAway(errClosed)
		case settled && refusal == nil:
			return s, nil
		case settled:
			return nil, errAway(refusal)
		case s == nil && away != nil:
			return nil, errAway(away)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errAway(ctx.Err())
		case <-l.ctx.Done():
			return nil, errAway(errClosed)
		}
	}
}

// current returns the session, and a channel that is closed when there is another.
func (l *link) current() (*session, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session, l.changed
}
