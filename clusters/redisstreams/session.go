package redisstreams

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/clusters/internal/redisconn"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// Pauses between attempts to connect, give or take a half: the first, and what
// doubling leads to.
const (
	minPause = 50 * time.Millisecond
	maxPause = 600 * time.Millisecond
)

// session is the time between connecting and losing the connection.
type session struct {
	client rueidis.Client
	// home is the server that this process publishes and subscribes at. Of a
	// Redis Cluster, whose servers hand messages on, it is any one.
	home rueidis.Client
	// lines are those subscribed to, with nil, and those that Redis does not let
	// this user subscribe to, with what it says; guarded by link.mu.
	lines map[*line]error
	fresh bool // there are no subscriptions yet
	// again tells when to try what Redis refused once more; nil when it refused
	// nothing. Guarded by link.mu.
	again <-chan time.Time
}

// refusalTime is the time after which Redis is asked again what it refused.
const refusalTime = 30 * time.Second

// run connects, and connects again, until the link ends.
func (l *link) run() {
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
			if client, err = rueidis.NewClient(l.settings.server.Options(l.ctx)); err != nil {
				client = nil // not the interface of a nil
				l.down(err)
				pause = l.pause(pause)
				continue
			}
		}
		begun := time.Now()
		lived, err := l.serve(client)
		l.down(err)
		if lived && time.Since(begun) > maxPause {
			pause = minPause
			continue // at once: what is asked meanwhile is lost
		}
		if lived {
			pause = l.pause(minPause)
			continue
		}
		// Another client finds servers that are new.
		client.Close()
		client = nil
		pause = l.pause(pause)
	}
}

// pause waits before the next attempt, and returns how long to wait before the one
// after it. Servers that lost Redis together do not come back together.
func (l *link) pause(d time.Duration) time.Duration {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
	return min(2*d, maxPause)
}

// serve subscribes, and keeps the subscriptions those of the lines, until the
// connection is lost. It reports whether it got that far.
func (l *link) serve(client rueidis.Client) (lived bool, err error) {
	if err := l.locate(client); err != nil {
		return false, err
	}
	nodes := client.Nodes()
	if len(nodes) == 0 {
		return false, errors.New("no server known")
	}
	addresses := make([]string, 0, len(nodes))
	for address := range nodes {
		addresses = append(addresses, address)
	}
	s := &session{client: client, home: nodes[addresses[rand.N(len(addresses))]], lines: make(map[*line]error), fresh: true}
	subscriber, release := s.home.Dedicate()
	defer release()
	defer subscriber.Close()
	lost := subscriber.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: l.receive})
	for {
		if err := l.subscribe(s, subscriber); err != nil {
			return lived, err
		}
		lived = true
		changed, again := l.up(s)
		if changed == nil {
			continue // lines have come or gone in the meantime
		}
		if err := l.wait(s, changed, lost, again); err != nil {
			return true, err
		}
	}
}

// wait waits for a change of lines, or until it is time to try again what was
// refused. The error says that the connection or the link has ended.
func (l *link) wait(s *session, changed <-chan struct{}, lost <-chan error, again <-chan time.Time) error {
	select {
	case err := <-lost:
		if err == nil {
			err = errors.New("connection lost")
		}
		return err
	case <-changed:
	case <-again:
		l.forgive(s)
	case <-l.ctx.Done():
		return errClosed
	}
	return nil
}

// forgive forgets which lines were refused, so that they are tried again.
func (l *link) forgive(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ln, refusal := range s.lines {
		if refusal != nil {
			delete(s.lines, ln)
			l.unsettled[ln] = struct{}{}
		}
	}
	s.again = nil
}

// pending returns lines that s has to subscribe to, and to unsubscribe from: of
// those that have come or gone since the last time or, at first, of all.
func (l *link) pending(s *session) (add, remove []*line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.fresh {
		s.fresh = false
		for _, ln := range l.lines {
			l.unsettled[ln] = struct{}{}
		}
	}
	for ln := range l.unsettled {
		_, known := s.lines[ln]
		switch wanted := l.lines[ln.namespace] == ln; {
		case wanted && !known:
			add = append(add, ln)
		case !wanted && known:
			remove = append(remove, ln)
		}
	}
	clear(l.unsettled)
	return add, remove
}

// subscribe makes the subscriptions those of the lines. Redis has confirmed them
// when it returns.
func (l *link) subscribe(s *session, c rueidis.DedicatedClient) error {
	add, remove := l.pending(s)
	if len(add) == 0 && len(remove) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, redisconn.AnswerTime)
	defer cancel()
	for lines := range slices.Chunk(remove, 256) {
		if err := unsubscribeFrom(ctx, c, lines); err != nil {
			return err
		}
		l.settle(s, func() { s.forget(lines) })
	}
	for lines := range slices.Chunk(add, 256) {
		err := subscribeTo(ctx, c, lines)
		if err == nil {
			l.settle(s, func() { s.note(lines, nil) })
			continue
		}
		if _, refused := rueidis.IsRedisErr(err); !refused {
			return err
		}
		for _, ln := range lines { // one of them is at fault
			if err := l.tryLine(ctx, s, c, ln); err != nil {
				return err
			}
		}
	}
	return nil
}

// tryLine subscribes to one line, or notes that Redis does not want that.
func (l *link) tryLine(ctx context.Context, s *session, c rueidis.DedicatedClient, ln *line) error {
	one := []*line{ln}
	err := subscribeTo(ctx, c, one)
	if _, refused := rueidis.IsRedisErr(err); refused {
		l.log().Error("namespace is not shared: Redis refuses to subscribe", zap.String("namespace", ln.namespace), zap.Error(err))
	} else if err != nil {
		return err
	}
	l.settle(s, func() { s.note(one, err) })
	return nil
}

// settle notes what became of lines, and tells who waits for that.
func (l *link) settle(s *session, note func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	note()
	if l.session == s {
		l.notify()
	}
}

func (s *session) note(lines []*line, refusal error) {
	for _, ln := range lines {
		s.lines[ln] = refusal
	}
	if refusal != nil {
		s.retry()
	}
}

// refusal returns what Redis said to a line that it refused; nil when it refused none.
// The caller holds link.mu.
func (s *session) refusal() error {
	for ln, refusal := range s.lines {
		if refusal != nil {
			return fmt.Errorf("namespace %s: %w", ln.namespace, refusal)
		}
	}
	return nil
}

// retry has what was refused tried again in a while. The caller holds link.mu.
func (s *session) retry() {
	if s.again == nil {
		s.again = time.After(refusalTime)
	}
}

func (s *session) forget(lines []*line) {
	for _, ln := range lines {
		delete(s.lines, ln)
	}
}

func subscribeTo(ctx context.Context, c rueidis.DedicatedClient, lines []*line) error {
	return c.Do(ctx, c.B().Subscribe().Channel(subscriptions(lines)...).Build()).Error()
}

func unsubscribeFrom(ctx context.Context, c rueidis.DedicatedClient, lines []*line) error {
	return c.Do(ctx, c.B().Unsubscribe().Channel(subscriptions(lines)...).Build()).Error()
}

func subscriptions(lines []*line) (channels []string) {
	for _, ln := range lines {
		channels = append(channels, ln.public, ln.private)
	}
	return channels
}

// up notes that the session is subscribed to all lines, and returns what tells of a
// change, nil when it is not; and what tells when to try again what was refused.
func (l *link) up(s *session) (changed <-chan struct{}, again <-chan time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.unsettled) > 0 {
		return nil, nil
	}
	if l.session != s {
		l.session, l.away = s, nil
		l.refusal.Store(nil)
		l.notify()
		l.log().Info("cluster connected", zap.Strings("servers", l.settings.server.Addresses), zap.Uint64("dropped_total", l.dropped()))
	}
	return l.changed, s.again
}

// down notes that there is no connection.
func (l *link) down(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.away == nil && l.ctx.Err() == nil && !l.closed
	l.session, l.away = nil, why
	l.notify()
	if first {
		l.log().Error("cluster out of reach: sockets of other servers are not reached until it is back",
			zap.Strings("servers", l.settings.server.Addresses), zap.Error(why))
	}
}

// receive takes a message of a channel. It is called on the connection's goroutine,
// one at a time, and hands the message on.
func (l *link) receive(m rueidis.PubSubMessage) {
	if ln := l.subscriber(m.Channel); ln != nil {
		ln.receive(m.Message)
	}
}
