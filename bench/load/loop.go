// Package load is a load generator: one thread that reads and writes many connections
// without blocking, checks each delivery, and measures latencies.
//
// A WebSocket over TLS, or on a stream of HTTP/2 or HTTP/3, has a goroutine that reads it. All
// callbacks hold the lock of the loop, so scenarios need no locks of their own. Outside of
// callbacks, Loop.Do holds it.
package load

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Loop owns clients and calls the scenario for each of their messages.
type Loop struct {
	// OnMessage is called for each acknowledgement and delivery of a client that is open.
	OnMessage func(*Client, Message)
	// OnTick, unless nil, is called at least once a millisecond.
	OnTick func(now time.Time)
	// OnClosed, unless nil, is called when a client has been closed by Close.
	OnClosed func(*Client)

	// Heartbeats is the number of pings so far, each with its pong.
	Heartbeats int

	epoll   int
	buffer  []byte
	events  []unix.EpollEvent
	clients map[int]*Client // by descriptor
	opened  int             // clients so far, which chooses their source addresses

	mu      sync.Mutex // guards the following, the clients and their callbacks
	err     error      // the first failure
	now     time.Time  // when the last bytes were read
	streams map[*Client]struct{}
	conns   []*muxConn // of HTTP/2 and HTTP/3
}

// NewLoop returns a loop without clients.
func NewLoop() (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	return &Loop{
		epoll: epoll, buffer: make([]byte, 256<<10),
		events: make([]unix.EpollEvent, 1024), clients: make(map[int]*Client),
		streams: make(map[*Client]struct{}),
	}, nil
}

// Close closes all clients and the loop.
func (l *Loop) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.clients {
		c.closeTransport()
	}
	for c := range l.streams {
		c.closeTransport()
	}
	for _, m := range l.conns {
		m.closeConn()
	}
	_ = unix.Close(l.epoll)
}

// fail keeps the first failure, which ends Run.
func (l *Loop) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// errTimeout is wrapped by the error of Run after its limit.
var errTimeout = errors.New("time is up")

// Run reads and writes until done returns true, a client fails, or the limit has passed.
// doing names the wait in the error.
func (l *Loop) Run(doing string, limit time.Duration, done func() bool) error {
	deadline := time.Now().Add(limit)
	for {
		now := time.Now()
		l.mu.Lock()
		err, finished := l.err, done()
		if err == nil && !finished && l.OnTick != nil {
			l.OnTick(now)
		}
		wait := 10
		if l.OnTick != nil || len(l.streams) > 0 {
			wait = 1
		}
		l.mu.Unlock()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", doing, err)
		case finished:
			return nil
		case now.After(deadline):
			return fmt.Errorf("%s: %w after %s", doing, errTimeout, limit)
		}
		n, err := unix.EpollWait(l.epoll, l.events, wait)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for connections: %w", err)
		}
		l.mu.Lock()
		for _, event := range l.events[:max(n, 0)] {
			if c := l.clients[int(event.Fd)]; c != nil {
				c.serveEvents(event.Events)
			}
		}
		l.mu.Unlock()
	}
}

// Do calls f with the lock of the loop: streams call OnMessage at any time.
func (l *Loop) Do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// Now returns when the message of a callback was read.
func (l *Loop) Now() time.Time { return l.now }

// RunFor runs for a time.
func (l *Loop) RunFor(doing string, d time.Duration) error {
	end := time.Now().Add(d)
	return l.Run(doing, d+time.Minute, func() bool { return !time.Now().Before(end) })
}

// portsPerAddress is the number of connections of one source address: fewer than the ports
// that Linux gives out, so that closed ones may linger.
const portsPerAddress = 10_000

// nextSource returns the source address of the next client: 127.0.0.1, then 127.0.0.2 and so
// on. Without it, ports would run out at some 28,000 connections.
func (l *Loop) nextSource() netip.Addr {
	address := l.opened / portsPerAddress % 250
	l.opened++
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + address)})
}
