package redislink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"go.uber.org/zap"
)

// Bounds of what is kept in memory for the sake of a Redis, or of servers, that
// are slow.
const (
	// MaxMessage is how many bytes one message may have, either way.
	MaxMessage = 16 << 20
	// MaxInbound is how many bytes may be received and not yet applied.
	MaxInbound = 64 << 20
	// Overhead is what a message costs besides its bytes.
	Overhead = 128

	// flushTime is how long a link that ends may go on to publish.
	flushTime = time.Second
	// complaintTime is how long the log is spared another complaint.
	complaintTime = 10 * time.Second
)

var errClosed = errors.New("the cluster is closed")

// Line is one namespace's part of a link. Its methods are called with the link's lock
// held, and do not block.
type Line interface {
	comparable
	// ID tells the line from the others of its link.
	ID() string
	// Name is the namespace, for those who read of it.
	Name() string
	// CountChannel is the channel that every node of the namespace subscribes to.
	CountChannel() string
	// Unused reports whether nobody uses the line any more.
	Unused() bool
}

// Link is a connection to a Redis. It connects when the first line is opened.
type Link[L Line] struct {
	// CountCommand counts the nodes of namespaces. GatherTime is how long the link
	// waits for the other nodes after an outage. Both are static once it is in use.
	CountCommand CountCommand
	GatherTime   time.Duration

	// Static after construction.
	name   string // of the engine
	server *redisconn.Server
	ctx    context.Context // ends with the link
	cancel context.CancelFunc

	logger      atomic.Pointer[zap.Logger] // that of the config that came last
	unpublished atomic.Uint64              // messages that were given up
	lost        atomic.Uint64              // messages of other servers that were not handled
	malformed   atomic.Uint64
	answering   atomic.Int64          // questions of other servers
	complaint   atomic.Int64          // when the last one was logged, in nanoseconds since 1970
	refusal     atomic.Pointer[error] // what Redis said to the last message, if it refused it

	mu     sync.Mutex // guards the following
	begun  bool
	closed bool
	lines  map[string]L // by their ID
	// unsettled are lines that have come or gone, and that the session does not
	// know of yet.
	unsettled map[L]struct{}
	session   *Session[L]   // nil while there is no connection
	away      error         // why there is none; nil before the first attempt
	changed   chan struct{} // closed when something of this changes
	// counts are the nodes that were subscribed a moment ago, by channel, where
	// there were several.
	counts map[string]int
}

// New returns the link of an engine to a Redis. It connects when it is first used.
func New[L Line](engine string, server *redisconn.Server, count CountCommand, log *zap.Logger) *Link[L] {
	l := &Link[L]{
		CountCommand: count, GatherTime: gatherTime,
		name: engine, server: server, lines: make(map[string]L),
		unsettled: make(map[L]struct{}), changed: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.logger.Store(log)
	return l
}

// Context ends with the link.
func (l *Link[L]) Context() context.Context { return l.ctx }

// Log returns the logger of the config that came last.
func (l *Link[L]) Log() *zap.Logger { return l.logger.Load() }

// SetLog has another logger used from now on.
func (l *Link[L]) SetLog(log *zap.Logger) { l.logger.Store(log) }

// Spawn runs fn on a goroutine.
func (l *Link[L]) Spawn(what string, fn func()) { spawn.Go(l.Log(), l.name+": "+what, fn, nil) }

// Keep runs fn on a goroutine, and again after a panic: without it the link would be
// dead for good.
func (l *Link[L]) Keep(what string, fn func()) {
	spawn.Go(l.Log(), l.name+": "+what, fn, func() {
		l.Pause(maxPause)
		l.Keep(what, fn)
	})
}

// Complain logs that something is lost, at most once in a while: where one message
// is, many are.
func (l *Link[L]) Complain(message string, fields ...zap.Field) {
	now, last := time.Now().UnixNano(), l.complaint.Load()
	if now-last > int64(complaintTime) && l.complaint.CompareAndSwap(last, now) {
		l.Log().Warn(message, append(fields, zap.Uint64("dropped_total", l.dropped()))...)
	}
}

// Lose counts a message of another server that was not handled.
func (l *Link[L]) Lose(why string) {
	l.lost.Add(1)
	l.Complain("messages of other servers are lost", zap.String("why", why))
}

// Ignore counts a message for a line that can't be understood.
func (l *Link[L]) Ignore(ln L, err error) {
	l.malformed.Add(1)
	if e := l.Log().Check(zap.DebugLevel, "message of another server ignored"); e != nil {
		e.Write(zap.String("namespace", ln.Name()), zap.Error(err))
	}
}

func (l *Link[L]) dropped() uint64 { return l.unpublished.Load() + l.lost.Load() }

// Enter has someone use a line. It calls begin, which starts the engine's goroutines,
// before the first of all. Then it calls enter, with the line or, when there is none,
// with the zero value; what that returns is the line from then on, if there is no error.
// Neither may block.
func (l *Link[L]) Enter(id string, begin func(), enter func(L) (L, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.ClosedError()
	}
	if !l.begun {
		l.begun = true
		begin()
	}
	before, known := l.lines[id]
	ln, err := enter(before)
	if err == nil && !known {
		l.lines[id] = ln
		l.unsettled[ln] = struct{}{}
		l.notify()
	}
	return err
}

// ClosedError says that the link has ended.
func (l *Link[L]) ClosedError() error { return fmt.Errorf("%s: %w", l.name, errClosed) }

// Drop takes a line away, and reports whether it did: not when it is used again.
func (l *Link[L]) Drop(ln L) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines[ln.ID()] != ln || !ln.Unused() {
		return false
	}
	delete(l.lines, ln.ID())
	l.unsettled[ln] = struct{}{}
	l.notify()
	return true
}

// Line returns the line with an ID, the zero value when there is none.
func (l *Link[L]) Line(id string) L {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[id]
}

// Lines returns all lines.
func (l *Link[L]) Lines() (all []L) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ln := range l.lines {
		all = append(all, ln)
	}
	return all
}

// notify wakes those who wait for a change. The caller holds mu.
func (l *Link[L]) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// End ends the link, after what is queued has been published if that can be done
// soon: flush waits for that.
func (l *Link[L]) End(flush func(time.Duration)) {
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
		flush(flushTime)
	}
	l.cancel()
}

// State describes the link's health.
func (l *Link[L]) State() cluster.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := cluster.State{
		Adapter: l.name, Connected: l.session != nil,
		Dropped: l.dropped(), Malformed: l.malformed.Load(),
	}
	why := l.away
	if l.session != nil {
		why = l.session.refusal()
		if stall := l.session.stall(); stall != nil {
			s.Connected, why = false, stall
		} else if refusal := l.refusal.Load(); refusal != nil {
			s.Connected, why = false, *refusal
		}
	}
	if why != nil {
		s.Error = why.Error()
	}
	return s
}

// Away says that a question can't be put now, so that no other server will answer.
func Away(why error) error {
	return fmt.Errorf("redis is out of reach: %w: %w", cluster.ErrIncomplete, why)
}

// Ready waits until a line is subscribed. It does not wait for a Redis that is
// known to be out of reach.
func (l *Link[L]) Ready(ctx context.Context, ln L) (*Session[L], error) {
	for {
		l.mu.Lock()
		s, away, changed, closed := l.session, l.away, l.changed, l.closed
		if s != nil && away == nil {
			away = s.stall()
		}
		var refusal error
		settled := false
		if s != nil {
			refusal, settled = s.lines[ln]
		}
		l.mu.Unlock()
		switch {
		case closed:
			return nil, Away(l.ClosedError())
		case ctx.Err() != nil:
			return nil, Away(ctx.Err())
		case s != nil && away != nil:
			return nil, Away(away)
		case settled && refusal == nil:
			return s, nil
		case settled:
			return nil, Away(refusal)
		case s == nil && away != nil:
			return nil, Away(away)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, Away(ctx.Err())
		case <-l.ctx.Done():
			return nil, Away(l.ClosedError())
		}
	}
}

// Current returns the session, nil while Redis does not answer, and a channel that is
// closed when something changes.
func (l *Link[L]) Current() (*Session[L], <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil && l.session.stall() != nil {
		return nil, l.changed
	}
	return l.session, l.changed
}

// IsCurrent reports whether a session is the one of now, whether Redis answers or not.
func (l *Link[L]) IsCurrent(s *Session[L]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session == s
}
