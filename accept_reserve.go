package socketio

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/descriptors"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
)

func init() { caddy.RegisterModule(AcceptReserve{}) }

// AcceptReserve is a listener wrapper that accepts no connections while the process is
// about to run out of file descriptors. Connections wait in the queue of the kernel then.
// The admin endpoint, reloads, backends and Redis get the descriptors that are left.
//
// It has an effect on Linux only, and none on HTTP/3, whose connections share one
// descriptor.
type AcceptReserve struct {
	// Descriptors is how many descriptors are left when accepting pauses: at most an
	// eighth of the limit. Default: 32.
	Descriptors int `json:"descriptors,omitempty"`

	log *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (AcceptReserve) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.listeners.socketio_reserve", New: func() caddy.Module { return new(AcceptReserve) }}
}

// Provision sets the default and checks the number.
func (a *AcceptReserve) Provision(ctx caddy.Context) error {
	a.log = ctx.Logger()
	if a.Descriptors < 0 {
		return errors.New("descriptors: unexpected value below 0")
	}
	if a.Descriptors == 0 {
		a.Descriptors = descriptors.AcceptReserve
	}
	return registerMetrics(ctx)
}

// WrapListener returns a listener whose Accept pauses.
func (a *AcceptReserve) WrapListener(l net.Listener) net.Listener {
	return &pausingListener{Listener: l, reserve: a.Descriptors, log: a.log, closed: make(chan struct{})}
}

// UnmarshalCaddyfile reads:
//
//	socketio_reserve [<descriptors>]
func (a *AcceptReserve) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // socketio_reserve
	args := d.RemainingArgs()
	if len(args) > 1 {
		return d.Errf("socketio_reserve: unexpected %q: expected one number of descriptors", args[1])
	}
	if len(args) == 1 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 {
			return d.Errf("socketio_reserve: unexpected %q: expected a number of descriptors, such as 64", args[0])
		}
		a.Descriptors = n
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("socketio_reserve: unexpected %q: it has no block", d.Val())
	}
	return nil
}

// acceptPauses counts the pauses of all listeners of the process.
var acceptPauses atomic.Uint64

const (
	// acceptRetryInterval is the time between two looks at the descriptors during a pause.
	acceptRetryInterval = 50 * time.Millisecond
	// acceptWarningInterval is the time between two log lines of a listener.
	acceptWarningInterval = time.Minute
)

// pausingListener is a listener of [AcceptReserve].
type pausingListener struct {
	// Static after construction.
	net.Listener
	reserve int
	log     *zap.Logger
	closing sync.Once
	closed  chan struct{} // closed by Close

	// Owned by the goroutine that accepts.
	warned time.Time // of the latest warning, zero if there was none
}

// Accept waits until enough descriptors are left, and then for a connection.
func (l *pausingListener) Accept() (net.Conn, error) {
	if descriptors.AreLow(l.reserve) {
		if err := l.awaitDescriptors(); err != nil {
			return nil, err
		}
	}
	return l.Listener.Accept()
}

// awaitDescriptors waits until a quarter more than the reserve is left, or until the
// listener is closed.
func (l *pausingListener) awaitDescriptors() error {
	began := time.Now()
	acceptPauses.Add(1)
	warn := l.warned.IsZero() || time.Since(l.warned) >= acceptWarningInterval
	if warn {
		l.warned = began
		l.log.Warn("accepting connections pauses: file descriptors are almost exhausted",
			zap.Stringer("address", l.Addr()), zap.Int("limit", descriptors.Limit()), zap.Int("reserve", l.reserve),
			zap.String("remedy", descriptors.Remedy))
	}
	look := time.NewTicker(acceptRetryInterval)
	defer look.Stop()
	for descriptors.AreLow(l.reserve + l.reserve/4) {
		select {
		case <-look.C:
		case <-l.closed:
			return net.ErrClosed
		}
	}
	if warn {
		l.log.Info("accepting connections continues", zap.Stringer("address", l.Addr()), zap.Duration("paused", time.Since(began)))
	}
	return nil
}

// Close closes the listener and ends a pause.
func (l *pausingListener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

var (
	_ caddy.ListenerWrapper = (*AcceptReserve)(nil)
	_ caddy.Provisioner     = (*AcceptReserve)(nil)
	_ caddyfile.Unmarshaler = (*AcceptReserve)(nil)
)
