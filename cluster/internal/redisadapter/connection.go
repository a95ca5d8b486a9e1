package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/histogram"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"go.uber.org/zap"
)

// Bounds of the memory that messages take when Redis, or another node, is slow.
const (
	// maxMessageSize is how many bytes one message may have, sent or received.
	maxMessageSize = 16 << 20
	// maxInbound is how many received bytes may wait to be handled.
	maxInbound = 64 << 20
	// messageOverhead is the memory that a message takes besides its bytes.
	messageOverhead = 128

	// flushTime is how long a connection that closes continues to publish.
	flushTime = time.Second
	// warnInterval is the time between two warnings about dropped messages.
	warnInterval = 10 * time.Second
)

var errClosed = errors.New("the cluster is closed")

// clockStart is when the monotonic clock of the package began.
var clockStart = time.Now()

// connection is a connection to a Redis, in the wide sense: all TCP connections of one
// dialect to all of its servers. It connects when the first namespace opens, and
// reconnects until it is closed.
type connection struct {
	// Static after construction.
	settings *Settings
	name     string // of the adapter
	dialect  dialect
	ctx      context.Context // ends when the connection closes
	cancel   context.CancelFunc
	queue    *queue
	// waitForNodesTime is how long the other nodes have to subscribe after an outage.
	waitForNodesTime time.Duration

	routes routeTable // has its own lock

	logger                   atomic.Pointer[zap.Logger] // of the newest config
	inbound                  atomic.Int64               // bytes received and not handled yet
	publishTimes, applyTimes *histogram.Histogram       // see [cluster.State]

	inboundFree chan struct{}         // holds a token after inbound shrank; never closed
	unpublished atomic.Uint64         // messages that were not published
	lost        atomic.Uint64         // messages of other nodes that were not handled
	malformed   atomic.Uint64         // messages of other nodes that can't be decoded
	replying    atomic.Int64          // requests of other nodes that the hub replies to
	lastWarning atomic.Int64          // in nanoseconds since clockStart, 0 if there was none
	refusal     atomic.Pointer[error] // of the newest message, if Redis refused it

	mu         sync.Mutex // guards the following
	started    bool
	closed     bool
	namespaces map[namespaceID]*namespace
	// unsettled are namespaces that opened or closed since the session last
	// synchronized its subscriptions.
	unsettled map[*namespace]struct{}
	session   *session      // nil while disconnected
	down      error         // why; nil before the first attempt
	changed   chan struct{} // closed, and replaced, when one of these fields changes
	// nodeCounts are the numbers of nodes before an outage, by channel, where there
	// were several.
	nodeCounts map[string]int
}

// newConnection returns a connection that is not connected yet.
func newConnection(s *Settings, hub string, log *zap.Logger) *connection {
	c := &connection{
		settings: s, name: s.adapterName(), waitForNodesTime: defaultWaitForNodesTime,
		inboundFree: make(chan struct{}, 1), namespaces: make(map[namespaceID]*namespace),
		unsettled: make(map[*namespace]struct{}), changed: make(chan struct{}),
	}
	c.publishTimes, c.applyTimes = histogram.New(histogram.Durations), histogram.New(histogram.Durations)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.logger.Store(log)
	c.routes.byName = make(map[string]routeTarget)
	c.queue = newQueue(c.name, &c.unpublished)
	c.dialect = newDialect(c, hub)
	return c
}

// log returns the logger of the newest config.
func (c *connection) log() *zap.Logger { return c.logger.Load() }

// startTask runs fn on a goroutine.
func (c *connection) startTask(name string, fn func()) {
	spawn.Go(c.log(), c.name+": "+name, fn, nil)
}

// keepRunning runs fn on a goroutine, and again after a panic: without it the connection
// would be dead for good.
func (c *connection) keepRunning(name string, fn func()) {
	spawn.Go(c.log(), c.name+": "+name, fn, func() {
		c.pauseRandomly(maxPause)
		c.keepRunning(name, fn)
	})
}

// warnDropped logs that messages are dropped, at most once in warnInterval: where one
// message is dropped, many are.
func (c *connection) warnDropped(message string, fields ...zap.Field) {
	now, last := int64(time.Since(clockStart))+1, c.lastWarning.Load()
	if (last == 0 || now-last > int64(warnInterval)) && c.lastWarning.CompareAndSwap(last, now) {
		c.log().Warn(message, append(fields, zap.Uint64("dropped_total", c.countDropped()))...)
	}
}

// countLost counts a message of another node that is not handled.
func (c *connection) countLost(reason string) {
	c.lost.Add(1)
	c.warnDropped("messages from other nodes dropped", zap.String("reason", reason))
}

// countMalformed counts a message for a namespace that can't be decoded.
func (c *connection) countMalformed(ns *namespace, err error) {
	c.malformed.Add(1)
	if e := c.log().Check(zap.DebugLevel, "malformed message from another node ignored"); e != nil {
		e.Write(zap.String("namespace", ns.id.name), zap.Error(err))
	}
}

// countDropped returns how many messages were given up, sent or received.
func (c *connection) countDropped() uint64 { return c.unpublished.Load() + c.lost.Load() }

// openNamespace returns a new adapter of a namespace. The first call starts the
// goroutines of the connection.
func (c *connection) openNamespace(id namespaceID, n cluster.Node) (cluster.Adapter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, c.closedError()
	}
	if !c.started {
		c.started = true
		c.keepRunning("subscribe", c.runSessions)
		c.keepRunning("publish", c.runPublisher)
	}
	ns, known := c.namespaces[id]
	if !known {
		ns = newNamespace(c, id)
	}
	a, err := ns.addAdapter(n)
	if err != nil {
		return nil, err
	}
	if !known {
		c.routes.addRoutes(ns)
		c.namespaces[id] = ns
		c.unsettled[ns] = struct{}{}
		c.notifyChanged()
	}
	if r, ok := ns.codec.(recording); ok {
		return r.newRecorder(a), nil
	}
	return a, nil
}

// closeNamespace removes a namespace without adapters. It does nothing when the
// namespace was opened again.
func (c *connection) closeNamespace(ns *namespace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.namespaces[ns.id] != ns || len(ns.openAdapters()) > 0 {
		return
	}
	delete(c.namespaces, ns.id)
	c.unsettled[ns] = struct{}{}
	c.notifyChanged()
	c.routes.removeRoutes(ns)
}

// closedError returns the error of calls after the connection closed.
func (c *connection) closedError() error { return fmt.Errorf("%s: %w", c.name, errClosed) }

// findNamespace returns an open namespace, or nil.
func (c *connection) findNamespace(id namespaceID) *namespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.namespaces[id]
}

// listNamespaces returns the open namespaces.
func (c *connection) listNamespaces() (all []*namespace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ns := range c.namespaces {
		all = append(all, ns)
	}
	return all
}

// notifyChanged wakes the goroutines that wait for a change. The caller holds mu.
func (c *connection) notifyChanged() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// closeConnection closes the connection. While Redis is connected, it waits up to flushTime until
// the queue is published.
func (c *connection) closeConnection() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	c.notifyChanged()
	connected := c.session != nil
	c.mu.Unlock()
	if connected {
		c.queue.waitEmpty(flushTime)
	}
	c.cancel()
}

// describeState describes the health of the connection.
func (c *connection) describeState() cluster.State {
	published, applied := c.publishTimes.Snapshot(), c.applyTimes.Snapshot()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := cluster.State{
		Adapter: c.name, Connected: c.session != nil,
		Dropped: c.countDropped(), Malformed: c.malformed.Load(),
		PublishTimes: &published, ApplyTimes: &applied,
	}
	reason := c.down
	if c.session != nil {
		reason = c.session.refusalError()
		if stall := c.session.stallError(); stall != nil {
			s.Connected, reason = false, stall
		} else if refusal := c.refusal.Load(); refusal != nil {
			s.Connected, reason = false, *refusal
		}
	}
	if reason != nil {
		s.Error = reason.Error()
	}
	return s
}

// unreachableError returns the error of a request that can't reach other nodes now.
func unreachableError(reason error) error {
	return fmt.Errorf("redis is out of reach: %w: %w", cluster.ErrIncomplete, reason)
}

// waitSubscribed waits until a namespace is subscribed and returns the session. It does
// not wait while Redis is known to be out of reach.
func (c *connection) waitSubscribed(ctx context.Context, ns *namespace) (*session, error) {
	for {
		c.mu.Lock()
		s, down, changed, closed := c.session, c.down, c.changed, c.closed
		if s != nil && down == nil {
			down = s.stallError()
		}
		var refusal error
		settled := false
		if s != nil {
			refusal, settled = s.namespaces[ns]
		}
		c.mu.Unlock()
		switch {
		case closed:
			return nil, unreachableError(c.closedError())
		case ctx.Err() != nil:
			return nil, unreachableError(ctx.Err())
		case s != nil && down != nil:
			return nil, unreachableError(down)
		case settled && refusal == nil:
			return s, nil
		case settled:
			return nil, unreachableError(refusal)
		case s == nil && down != nil:
			return nil, unreachableError(down)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, unreachableError(ctx.Err())
		case <-c.ctx.Done():
			return nil, unreachableError(c.closedError())
		}
	}
}

// respondingSession returns the session, or nil while Redis is down or does not respond;
// and a channel that is closed at the next change.
func (c *connection) respondingSession() (*session, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil && c.session.stallError() != nil {
		return nil, c.changed
	}
	return c.session, c.changed
}

// isCurrent reports whether a session has not ended, whether Redis responds or not.
func (c *connection) isCurrent(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session == s
}

// releaseInbound subtracts handled or dropped bytes, and lets the reader of a stream
// continue when enough of them are gone.
func (c *connection) releaseInbound(size int64) {
	if c.inbound.Add(-size) <= maxInbound/2 {
		select {
		case c.inboundFree <- struct{}{}:
		default:
		}
	}
}
