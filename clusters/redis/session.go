package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	// Redis Cluster, whose servers hand messages on, it is any one: by several
	// at once, what was published first could arrive last.
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
			continue // at once: what is said meanwhile is lost
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
	if l.settings.sharded != "" {
		return l.serveSharded(client, l.settings.sharded)
	}
	home, err := anyNode(client)
	if err != nil {
		return false, err
	}
	s := &session{client: client, home: home.client, lines: make(map[*line]error), fresh: true}
	subscriber, release := s.home.Dedicate()
	defer release()
	defer subscriber.Close()
	lost := subscriber.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: l.receive})
	for {
		if err := l.subscribe(s, subscriber); err != nil {
			return lived, err
		}
		if !lived {
			l.probe(home.client)
			lived = true
		}
		changed, again := l.up(s)
		if changed == nil {
			continue // lines have come or gone in the meantime
		}
		if err := l.wait(s, changed, lost, again); err != nil {
			return true, err
		}
	}
}

// homeServer is one server.
type homeServer struct {
	address string
	client  rueidis.Client
}

// anyNode returns one of the servers, by chance.
func anyNode(client rueidis.Client) (n homeServer, err error) {
	nodes := client.Nodes()
	if len(nodes) == 0 {
		return n, errors.New("no server known")
	}
	addresses := slices.Collect(maps.Keys(nodes))
	n.address = addresses[rand.N(len(addresses))]
	n.client = nodes[n.address]
	return n, nil
}

// probe finds out whether the connection that publishes is a dead one of a session
// before, so that the next message is not the one to find out: it would be lost.
func (l *link) probe(publishers ...rueidis.Client) {
	ctx, cancel := context.WithTimeout(l.ctx, redisconn.AnswerTime)
	defer cancel()
	for _, c := range publishers {
		if err := c.Do(ctx, c.B().Ping().Build()).Error(); err != nil {
			_ = c.Do(ctx, c.B().Ping().Build()) // by a new connection
		}
	}
}

// wait waits for a change of lines or rooms, or until it is time to try again what
// was refused. The error says that the connection or the link has ended.
func (l *link) wait(s *session, changed <-chan struct{}, lost <-chan error, again <-chan time.Time) error {
	select {
	case err := <-lost:
		if err == nil {
			err = errLost
		}
		return err
	case <-changed:
	case <-l.rooms.wake:
	case <-again:
		l.forgive(s)
	case <-l.ctx.Done():
		return errClosed
	}
	return nil
}

// forgive forgets which lines were refused, so that they are tried again, and the
// rooms of the others.
func (l *link) forgive(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ln, refusal := range s.lines {
		if refusal != nil {
			delete(s.lines, ln)
			l.unsettled[ln] = struct{}{}
		} else {
			l.rooms.look(ln)
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
		switch wanted := l.lines[ln.names.pattern] == ln; {
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
		l.settle(s, lines, func() { s.forget(lines) })
	}
	for lines := range slices.Chunk(add, 256) {
		err := subscribeTo(ctx, c, lines)
		if err == nil {
			l.settle(s, lines, func() { s.note(lines, nil) })
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
		l.log().Error("namespace is not shared: Redis refuses to subscribe", zap.String("namespace", ln.namespace),
			zap.String("pattern", ln.names.pattern), zap.Error(err))
		if err := unsubscribeFrom(ctx, c, one); err != nil { // half of it may have been done
			return err
		}
	} else if err != nil {
		return err
	}
	l.settle(s, one, func() { s.note(one, err) })
	return nil
}

// settle notes what became of lines, and tells who waits for that.
func (l *link) settle(s *session, lines []*line, note func()) {
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
	patterns, channels := subscriptions(lines)
	if err := c.Do(ctx, c.B().Psubscribe().Pattern(patterns...).Build()).Error(); err != nil {
		return err
	}
	return c.Do(ctx, c.B().Subscribe().Channel(channels...).Build()).Error()
}

func unsubscribeFrom(ctx context.Context, c rueidis.DedicatedClient, lines []*line) error {
	patterns, channels := subscriptions(lines)
	if err := c.Do(ctx, c.B().Punsubscribe().Pattern(patterns...).Build()).Error(); err != nil {
		return err
	}
	return c.Do(ctx, c.B().Unsubscribe().Channel(channels...).Build()).Error()
}

func subscriptions(lines []*line) (patterns, channels []string) {
	for _, ln := range lines {
		patterns = append(patterns, ln.names.pattern)
		channels = append(channels, ln.names.request, ln.names.response, ln.names.own)
	}
	return patterns, channels
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
		l.log().Info("cluster connected", zap.Strings("servers", l.settings.server.Addresses),
			zap.Uint64("dropped_total", l.out.dropped.Load()))
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

// receive takes a message. It is called on the connection's goroutine, one at a
// time, and hands the message on.
func (l *link) receive(m rueidis.PubSubMessage) {
	name := m.Pattern
	if name == "" {
		name = m.Channel
	}
	to := l.routes.find(name)
	if to.line == nil {
		return // left a moment ago
	}
	d := delivery{kind: to.kind, message: m.Message}
	if to.kind == broadcastMessage {
		var ok bool
		if d.room, ok = to.line.names.room(m.Channel); !ok {
			return
		}
	}
	to.line.receive(d)
}
