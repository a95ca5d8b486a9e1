package redislink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// Pauses between attempts to connect, give or take a half: the first, and what
// doubling leads to.
const (
	minPause = 50 * time.Millisecond
	maxPause = 600 * time.Millisecond
)

// ErrLost says that a connection has ended.
var ErrLost = errors.New("connection lost")

// Session is the time between connecting and losing the connection.
type Session[L Line] struct {
	// Client knows all servers.
	Client rueidis.Client
	// Home is the server that this process publishes and subscribes at. Of a
	// Redis Cluster, whose servers hand messages on, it is any one: by several
	// at once, what was published first could arrive last.
	Home rueidis.Client

	// lines are those subscribed to, with nil, and those that Redis does not let
	// this user subscribe to, with what it says; guarded by the link's mu, as all
	// of the following.
	lines    map[L]error
	fresh    bool // there are no subscriptions yet
	pardoned bool // what Redis refused is to be tried again
	// again tells when that is to be; nil when it refused nothing.
	again <-chan time.Time
	// stalled are the servers that do not answer, with the time of a ping.
	stalled map[string]time.Time
	// answering ends when the home server stops to answer, or with the session.
	answering     context.Context
	stopAnswering context.CancelFunc

	homeAddress string      // static after construction
	gathered    atomic.Bool // the other nodes are subscribed as well
}

// NewSession returns a session that is not subscribed to anything.
func NewSession[L Line](client rueidis.Client, home Node) *Session[L] {
	return &Session[L]{Client: client, Home: home.Client, homeAddress: home.Address, lines: make(map[L]error), fresh: true}
}

// Run connects, and connects again, until the link ends. While there is a client, serve
// has it live, until its connection is lost; it reports whether it got as far as to
// subscribe.
func (l *Link[L]) Run(serve func(rueidis.Client) (lived bool, err error)) {
	var client rueidis.Client
	defer func() {
		if client != nil {
			client.Close()
		}
	}()
	pause := minPause
	for l.ctx.Err() == nil {
		if client == nil {
			var err error
			if client, err = rueidis.NewClient(l.server.Options(l.ctx)); err != nil {
				client = nil // not the interface of a nil
				l.down(l.nameServers(err))
				pause = l.Pause(pause)
				continue
			}
		}
		begun := time.Now()
		lived, err := serve(client)
		l.down(l.nameServers(err))
		if lived && time.Since(begun) > maxPause {
			pause = minPause
			continue // at once: what is said meanwhile is lost
		}
		if lived {
			pause = l.Pause(minPause)
			continue
		}
		// Another client finds servers that are new.
		client.Close()
		client = nil
		pause = l.Pause(pause)
	}
}

// nameServers has an error say which Redis it comes from, if it does not.
func (l *Link[L]) nameServers(err error) error {
	for _, address := range l.server.Addresses {
		if strings.Contains(err.Error(), address) {
			return err
		}
	}
	return fmt.Errorf("redis at %s: %w", strings.Join(l.server.Addresses, ", "), err)
}

// Pause waits before the next attempt, and returns how long to wait before the one
// after it. Servers that lost Redis together do not come back together.
func (l *Link[L]) Pause(d time.Duration) time.Duration {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
	return min(2*d, maxPause)
}

// Rest is a pause after something that failed.
func (l *Link[L]) Rest() { l.Pause(minPause) }

// Node is one server.
type Node struct {
	Address string
	Client  rueidis.Client
}

// AnyNode returns one of the servers, by chance.
func AnyNode(client rueidis.Client) (n Node, err error) {
	nodes := client.Nodes()
	if len(nodes) == 0 {
		return n, errors.New("no server known")
	}
	addresses := slices.Collect(maps.Keys(nodes))
	n.Address = addresses[rand.N(len(addresses))]
	n.Client = nodes[n.Address]
	return n, nil
}

// Live calls settle, which makes the subscriptions those of the lines, whenever lines
// have come or gone, when it is time to try again what was refused, and when more wakes
// it. It returns when settle fails, when the connection is lost, or when the link ends.
func (l *Link[L]) Live(s *Session[L], settle func() error, lost <-chan error, more <-chan struct{}) error {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	for {
		if err := settle(); err != nil {
			return err
		}
		changed, again := l.up(ctx, s)
		if changed == nil {
			continue // lines have come or gone in the meantime
		}
		select {
		case err := <-lost:
			if err == nil {
				err = ErrLost
			}
			return err
		case <-changed:
		case <-more:
		case <-again:
			l.TryAgain()
		case <-l.ctx.Done():
			return l.ClosedError()
		}
	}
}

// up notes that the session is subscribed to all lines, and returns what tells of a
// change, nil when it is not; and what tells when to try again what was refused. At
// first it starts what goes on until ctx ends.
func (l *Link[L]) up(ctx context.Context, s *Session[L]) (changed <-chan struct{}, again <-chan time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.unsettled) > 0 || s.pardoned {
		return nil, nil
	}
	if l.session != s {
		l.session, l.away = s, nil
		s.answering, s.stopAnswering = context.WithCancel(ctx)
		expected := maps.Clone(l.counts)
		l.Spawn("wait for other nodes", func() { l.gather(ctx, s, expected) })
		l.Spawn("check health", func() { l.checkHealth(ctx, s) })
		l.refusal.Store(nil)
		l.notify()
		l.Log().Info("cluster connected", zap.Strings("servers", l.server.Addresses), zap.Uint64("dropped_total", l.dropped()))
	}
	return l.changed, s.again
}

// down notes that there is no connection.
func (l *Link[L]) down(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.away == nil && l.ctx.Err() == nil && !l.closed
	if l.session != nil {
		l.session.stopAnswering()
	}
	l.session, l.away = nil, why
	l.notify()
	if first {
		l.Log().Error("cluster out of reach: sockets of other servers are not reached until it is back",
			zap.Strings("servers", l.server.Addresses), zap.Error(why))
	}
}

// refusal returns what Redis said to a line that it refused; nil when it refused none.
// The caller holds the link's mu.
func (s *Session[L]) refusal() error {
	for ln, refusal := range s.lines {
		if refusal != nil {
			return fmt.Errorf("namespace %s: %w", ln.Name(), refusal)
		}
	}
	return nil
}
