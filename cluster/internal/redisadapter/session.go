package redisadapter

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

// Pauses between attempts to connect, plus or minus a half: the first one, and the
// limit of doubling.
const (
	minPause = 50 * time.Millisecond
	maxPause = 600 * time.Millisecond
)

// errConnectionLost is the error of a connection that ended without one.
var errConnectionLost = errors.New("connection lost")

// session is the time between connecting and losing the connection.
type session struct {
	// Static after the subscriber was made.
	client      rueidis.Client // knows all servers
	home        rueidis.Client // one server, see pickServer
	homeAddress string
	lost        <-chan error    // receives when a connection of the subscriber is lost
	wake        <-chan struct{} // receives when subscriptions are to be synchronized; may be nil

	nodesBack atomic.Bool // the other nodes are subscribed again, as far as expected

	// The connection's mu guards the following.

	// namespaces are subscribed, with nil, or refused by Redis, with its error.
	namespaces map[*namespace]error
	fresh      bool // there are no subscriptions yet
	retrying   bool // refused subscriptions are to be tried again
	// retry receives when it is time to try again; nil when nothing was refused.
	retry <-chan time.Time
	// stalled are the servers that do not respond, with the time of a ping.
	stalled map[string]time.Time
	// responding ends when the home server does not respond, or with the session.
	responding     context.Context
	stopResponding context.CancelFunc
}

// newSession returns a session without subscriptions at a server chosen at random.
func newSession(client rueidis.Client) (*session, error) {
	address, home, err := pickServer(client)
	if err != nil {
		return nil, err
	}
	return &session{client: client, home: home, homeAddress: address, namespaces: make(map[*namespace]error), fresh: true}, nil
}

// pickServer returns one of the servers at random. This process publishes and subscribes
// there: the servers of a Redis Cluster pass messages on, but messages that are published
// at several servers may arrive out of order.
func pickServer(client rueidis.Client) (address string, server rueidis.Client, err error) {
	servers := client.Nodes()
	if len(servers) == 0 {
		return "", nil, errors.New("no server known")
	}
	addresses := slices.Collect(maps.Keys(servers))
	address = addresses[rand.N(len(addresses))]
	return address, servers[address], nil
}

// runSessions connects and reconnects until the connection closes.
func (c *connection) runSessions() {
	var client rueidis.Client
	defer func() {
		if client != nil {
			client.Close()
		}
	}()
	pause := minPause
	for c.ctx.Err() == nil {
		if client == nil {
			var err error
			if client, err = rueidis.NewClient(c.settings.Server.Options(c.ctx)); err != nil {
				client = nil // not the interface of a nil
				c.markDown(c.addAddresses(err))
				pause = c.pauseRandomly(pause)
				continue
			}
		}
		begun := time.Now()
		subscribed, err := c.runSession(client)
		c.markDown(c.addAddresses(err))
		if subscribed && time.Since(begun) > maxPause {
			pause = minPause
			continue // at once: messages of other nodes are lost meanwhile
		}
		if subscribed {
			pause = c.pauseRandomly(minPause)
			continue
		}
		// Another client finds servers that are new.
		client.Close()
		client = nil
		pause = c.pauseRandomly(pause)
	}
}

// runSession subscribes, and keeps the subscriptions up to date until the connection is
// lost. It reports whether the next session can use the same client.
func (c *connection) runSession(client rueidis.Client) (keepClient bool, err error) {
	s, err := newSession(client)
	if err != nil {
		return false, err
	}
	sub, err := c.dialect.newSubscriber(s)
	if err != nil {
		return false, err
	}
	defer sub.close()
	err = c.keepSubscribed(s, sub)
	return sub.keepsClient(), err
}

// addAddresses adds the addresses of the Redis to an error that has none.
func (c *connection) addAddresses(err error) error {
	addresses := c.settings.Server.Addresses
	for _, address := range addresses {
		if strings.Contains(err.Error(), address) {
			return err
		}
	}
	return fmt.Errorf("redis at %s: %w", strings.Join(addresses, ", "), err)
}

// pauseRandomly waits before the next attempt, and returns the pause after the next one. It is
// random, so that nodes that lost Redis together do not reconnect together.
func (c *connection) pauseRandomly(d time.Duration) time.Duration {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
	return min(2*d, maxPause)
}

// keepSubscribed synchronizes subscriptions whenever namespaces open or close, when it
// is time to retry refused ones, and when the session is woken. It returns when that
// fails, when the connection is lost, or when it closes.
func (c *connection) keepSubscribed(s *session, sub subscriber) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	for {
		if err := sub.syncSubscriptions(); err != nil {
			return err
		}
		changed, retry := c.markUp(ctx, s)
		if changed == nil {
			continue // namespaces opened or closed meanwhile
		}
		select {
		case err := <-s.lost:
			if err == nil {
				err = errConnectionLost
			}
			return err
		case <-changed:
		case <-s.wake:
		case <-retry:
			c.retryRefused()
		case <-c.ctx.Done():
			return c.closedError()
		}
	}
}

// markUp makes a session the current one when all namespaces are subscribed. It returns
// channels for the next change and the next retry; changed is nil when namespaces are
// left to subscribe. The first call starts tasks that run until ctx ends.
func (c *connection) markUp(ctx context.Context, s *session) (changed <-chan struct{}, retry <-chan time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unsettled) > 0 || s.retrying {
		return nil, nil
	}
	if c.session != s {
		c.session, c.down = s, nil
		s.responding, s.stopResponding = context.WithCancel(ctx)
		if expected := maps.Clone(c.nodeCounts); len(expected) == 0 {
			s.nodesBack.Store(true) // at once: a count of nodes is kept only after that
		} else {
			c.startTask("wait for other nodes", func() { c.waitForNodes(ctx, s, expected) })
		}
		c.startTask("check health", func() { c.checkHealth(ctx, s) })
		c.refusal.Store(nil)
		c.notifyChanged()
		c.log().Info("cluster connected", zap.Strings("servers", c.settings.Server.Addresses), zap.Uint64("dropped_total", c.countDropped()))
	}
	return c.changed, s.retry
}

// markDown ends the current session. It logs the first time after a connection.
func (c *connection) markDown(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.down == nil && c.ctx.Err() == nil && !c.closed
	if c.session != nil {
		c.session.stopResponding()
	}
	c.session, c.down = nil, reason
	c.notifyChanged()
	if first {
		c.log().Error("cluster out of reach: sockets on other nodes are not reached until Redis is back",
			zap.Strings("servers", c.settings.Server.Addresses), zap.Error(reason))
	}
}

// refusalError returns the error of a namespace that Redis refused, or nil. The caller
// holds the connection's mu.
func (s *session) refusalError() error {
	for ns, refusal := range s.namespaces {
		if refusal != nil {
			return fmt.Errorf("namespace %s: %w", ns.id.name, refusal)
		}
	}
	return nil
}
