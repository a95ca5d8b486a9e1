package hub

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"go.uber.org/zap"
)

// Drainer closes the connections of all hubs of a process at a steady rate, and refuses new
// ones meanwhile. Clients see the transport close, and reconnect by themselves. The hubs have
// it in their [Options]. Its methods are safe for concurrent use.
type Drainer struct {
	// Static after construction.
	hubs iter.Seq[*Hub]
	log  func() *zap.Logger

	active atomic.Bool // new connections are refused

	mu    sync.Mutex // guards the following; goes before the locks of hubs
	drain *drain     // the latest one, nil if it was cancelled
	final bool       // the process exits: Cancel is refused
}

// drain is one run of a [Drainer].
type drain struct {
	began  time.Time
	over   time.Duration
	total  int           // connections when it began
	closed chan struct{} // closed when all of them are closed, or the drain is cancelled
	cancel context.CancelFunc
}

// DrainState is the state of a [Drainer].
type DrainState string

// The states of a [Drainer].
const (
	// Serving means that new connections are accepted.
	Serving DrainState = "serving"
	// Draining means that connections are being closed, and new ones refused.
	Draining DrainState = "draining"
	// Drained means that they are closed. New ones are refused until the drain is
	// cancelled.
	Drained DrainState = "drained"
)

// DrainStatus describes the progress of a [Drainer].
type DrainStatus struct {
	// State is the state.
	State DrainState
	// Connections is the number of open connections.
	Connections int
	// Total is the number of connections that were open when the drain began, and Over the
	// time from then until the last one closes. Both are 0 while Serving.
	Total int
	Over  time.Duration
	// Left is the rest of Over.
	Left time.Duration
}

// ErrExiting is the error of changes to a drain while the process exits.
var ErrExiting = errors.New("the process exits: its drain cannot be changed")

// NewDrainer returns a Drainer of hubs. log returns the current logger.
func NewDrainer(hubs iter.Seq[*Hub], log func() *zap.Logger) *Drainer {
	return &Drainer{hubs: hubs, log: log}
}

// Refuses reports whether new connections are refused.
func (d *Drainer) Refuses() bool { return d != nil && d.active.Load() }

// Start refuses new connections from now on, and closes the present ones over a time, at a
// steady rate. It returns at once. If a drain is under way already, the connections that are
// left are closed over that time. The error is [ErrExiting].
func (d *Drainer) Start(over time.Duration) error {
	_, err := d.start(false, func(int) time.Duration { return over })
	return err
}

// start starts a drain, the last one if final is true. over returns its time for a number of
// connections. The goroutine ends when they are closed, or the drain is cancelled.
func (d *Drainer) start(final bool, over func(connections int) time.Duration) (*drain, error) {
	ctx, cancel := context.WithCancel(context.Background())
	run := &drain{began: time.Now(), closed: make(chan struct{}), cancel: cancel}
	sessions, err := d.replaceDrain(run, final, over)
	if err != nil {
		cancel()
		return nil, err
	}
	d.log().Info("drain started", zap.Int("connections", run.total), zap.Duration("over", run.over))
	spawn.Go(d.log(), "drain", func() {
		defer cancel()
		defer close(run.closed)
		engine.CloseSteadily(ctx, sessions, run.over, ReasonShutdown)
		if ctx.Err() == nil {
			d.log().Info("drain finished: new connections are refused until it is cancelled", zap.Int("connections", run.total))
		}
	}, nil)
	return run, nil
}

// replaceDrain cancels the present drain, and returns the sessions for the new one.
func (d *Drainer) replaceDrain(run *drain, final bool, over func(connections int) time.Duration) ([]*engine.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.final {
		return nil, ErrExiting
	}
	if d.drain != nil {
		d.drain.cancel()
	}
	d.active.Store(true) // first: a session that opens now is in the list, or reads this
	sessions := d.listSessions()
	run.total = len(sessions)
	run.over = over(run.total)
	d.drain, d.final = run, final
	return sessions, nil
}

func (d *Drainer) listSessions() (all []*engine.Session) {
	for h := range d.hubs {
		all = append(all, h.engine.ListSessions()...)
	}
	return all
}

// Cancel accepts new connections again, and leaves the open ones open. The error is
// [ErrExiting].
func (d *Drainer) Cancel() error {
	run, err := d.removeDrain()
	if err != nil || run == nil {
		return err
	}
	run.cancel()
	d.log().Info("drain cancelled: new connections are accepted", zap.Int("connections", d.countConnections()))
	return nil
}

// removeDrain returns the present drain, which does not refuse connections any longer. It
// returns nil if there is none.
func (d *Drainer) removeDrain() (*drain, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.final {
		return nil, ErrExiting
	}
	run := d.drain
	d.drain = nil
	d.active.Store(false)
	return run, nil
}

// Shutdown closes all connections before the process exits: at a steady rate over most of
// the time until the deadline of ctx, but 100 a second at least. It returns when they are
// closed and their disconnect events were handled, or when ctx ends. A second call closes
// the connections that are left.
func (d *Drainer) Shutdown(ctx context.Context) {
	run, err := d.start(true, func(connections int) time.Duration { return engine.DrainTime(ctx, connections) })
	if err == nil {
		select {
		case <-run.closed:
		case <-ctx.Done():
			run.cancel()
		}
	}
	for h := range d.hubs {
		h.Drain(ctx)
	}
}

// Status returns the progress of the drain.
func (d *Drainer) Status() DrainStatus {
	d.mu.Lock()
	run := d.drain
	d.mu.Unlock()
	status := DrainStatus{State: Serving, Connections: d.countConnections()}
	if run == nil {
		return status
	}
	status.State, status.Total, status.Over = Draining, run.total, run.over
	select {
	case <-run.closed:
		status.State = Drained
	default:
		status.Left = max(0, run.over-time.Since(run.began))
	}
	return status
}

func (d *Drainer) countConnections() (n int) {
	for h := range d.hubs {
		n += h.Connections()
	}
	return n
}
