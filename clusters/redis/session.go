package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// Pauses between attempts to connect: the first, and what doubling leads to.
const (
	minPause = 50 * time.Millisecond
	maxPause = 2 * time.Second
)

// session is the time between connecting and losing the connection.
type session struct {
	client rueidis.Client
	// home is the server that this process publishes and subscribes at. Of a
	// Redis Cluster, whose servers hand messages on, it is any one: by several
	// at once, what was published first could arrive last.
	home rueidis.Client
	// lines are those subscribed to; guarded by link.mu.
	lines map[*line]bool
}

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
			if client, err = rueidis.NewClient(l.settings.options(l.ctx)); err != nil {
				client = nil // not the interface of a nil
				l.down(err)
				pause = l.pause(pause)
				continue
			}
		}
		lived, err := l.serve(client)
		l.down(err)
		if lived {
			pause = minPause
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
	nodes := client.Nodes()
	if len(nodes) == 0 {
		return false, errors.New("no server known")
	}
	addresses := make([]string, 0, len(nodes))
	for address := range nodes {
		addresses = append(addresses, address)
	}
	s := &session{client: client, home: nodes[addresses[rand.N(len(addresses))]], lines: make(map[*line]bool)}
	subscriber, release := s.home.Dedicate()
	defer release()
	defer subscriber.Close()
	lost := subscriber.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: l.receive})
	for {
		if err := l.subscribe(s, subscriber); err != nil {
			return lived, err
		}
		lived = true
		changed := l.up(s)
		if changed == nil {
			continue // lines have come or gone in the meantime
		}
		select {
		case err := <-lost:
			if err == nil {
				err = errors.New("connection lost")
			}
			return true, err
		case <-changed:
		case <-l.ctx.Done():
			return true, errClosed
		}
	}
}

// pending returns lines that s has to subscribe to, and to unsubscribe from.
func (l *link) pending(s *session) (add, remove []*line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ln := range l.lines {
		if !s.lines[ln] {
			add = append(add, ln)
		}
	}
	for ln := range s.lines {
		if l.lines[ln.names.pattern] != ln {
			remove = append(remove, ln)
		}
	}
	return add, remove
}

// subscribe makes the subscriptions those of the lines. Redis has confirmed them
// when it returns.
func (l *link) subscribe(s *session, c rueidis.DedicatedClient) error {
	add, remove := l.pending(s)
	if len(add) == 0 && len(remove) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, answerTime)
	defer cancel()
	for lines := range slices.Chunk(remove, 256) {
		patterns, channels := subscriptions(lines)
		if err := c.Do(ctx, c.B().Punsubscribe().Pattern(patterns...).Build()).Error(); err != nil {
			return err
		}
		if err := c.Do(ctx, c.B().Unsubscribe().Channel(channels...).Build()).Error(); err != nil {
			return err
		}
	}
	for lines := range slices.Chunk(add, 256) {
		patterns, channels := subscriptions(lines)
		if err := c.Do(ctx, c.B().Psubscribe().Pattern(patterns...).Build()).Error(); err != nil {
			return err
		}
		if err := c.Do(ctx, c.B().Subscribe().Channel(channels...).Build()).Error(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ln := range remove {
		delete(s.lines, ln)
	}
	for _, ln := range add {
		s.lines[ln] = true
	}
	l.notify()
	return nil
}

func subscriptions(lines []*line) (patterns, channels []string) {
	for _, ln := range lines {
		patterns = append(patterns, ln.names.pattern)
		channels = append(channels, ln.names.request, ln.names.response, ln.names.own)
	}
	return patterns, channels
}

// up notes that the session is subscribed to all lines, and returns what tells
// of a change; nil when it is not.
func (l *link) up(s *session) <-chan struct{} {
	if add, remove := l.pending(s); len(add) > 0 || len(remove) > 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != s {
		l.session, l.away = s, nil
		l.notify()
		l.log().Info("cluster connected", zap.Strings("servers", l.settings.addresses),
			zap.Uint64("dropped_total", l.out.dropped.Load()))
	}
	return l.changed
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
			zap.Strings("servers", l.settings.addresses), zap.Error(why))
	}
}

// receive takes a message. It is called on the connection's goroutine, one at a
// time, and hands the message on.
func (l *link) receive(m rueidis.PubSubMessage) {
	r := l.routes.Load()
	d := delivery{message: m.Message}
	var ln *line
	switch {
	case m.Pattern != "":
		d.kind, ln = broadcastMessage, r.broadcast[m.Pattern]
		if ln != nil {
			var ok bool
			if d.room, ok = ln.names.room(m.Channel); !ok {
				return
			}
		}
	case r.request[m.Channel] != nil:
		d.kind, ln = requestMessage, r.request[m.Channel]
	default:
		d.kind, ln = responseMessage, r.response[m.Channel]
	}
	if ln != nil {
		ln.receive(d)
	}
}
