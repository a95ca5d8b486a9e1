package redis

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// serve subscribes, and keeps the subscriptions those of the lines, until the
// connection is lost. It reports whether it got that far.
func (l *link) serve(client rueidis.Client) (lived bool, err error) {
	if l.settings.sharded != "" {
		return l.serveSharded(client, l.settings.sharded)
	}
	home, err := redislink.AnyNode(client)
	if err != nil {
		return false, err
	}
	s := redislink.NewSession[*line](client, home)
	subscriber, release := s.Home.Dedicate()
	defer release()
	defer subscriber.Close()
	lost := subscriber.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: l.receive})
	err = l.Live(s, func() error {
		if err := l.Subscribe(s, subscriptions{l, subscriber}); err != nil {
			return err
		}
		if !lived {
			l.probe(s.Home)
			lived = true
		}
		return nil
	}, lost, nil)
	return lived, err
}

// probe finds out whether the connection that publishes is a dead one of a session
// before, so that the next message is not the one to find out: it would be lost.
func (l *link) probe(publishers ...rueidis.Client) {
	ctx, cancel := context.WithTimeout(l.Context(), redisconn.CommandTimeout)
	defer cancel()
	for _, c := range publishers {
		if err := c.Do(ctx, c.B().Ping().Build()).Error(); err != nil {
			_ = c.Do(ctx, c.B().Ping().Build()) // by a new connection
		}
	}
}

// subscriptions are those of the classic dialect.
type subscriptions struct {
	link   *link
	client rueidis.DedicatedClient
}

// Subscribe subscribes for lines.
func (s subscriptions) Subscribe(ctx context.Context, lines []*line) error {
	c, patterns, channels := s.client, patternsOf(lines), channelsOf(lines)
	if err := c.Do(ctx, c.B().Psubscribe().Pattern(patterns...).Build()).Error(); err != nil {
		return err
	}
	return c.Do(ctx, c.B().Subscribe().Channel(channels...).Build()).Error()
}

// Unsubscribe is the reverse of Subscribe.
func (s subscriptions) Unsubscribe(ctx context.Context, lines []*line) error {
	c, patterns, channels := s.client, patternsOf(lines), channelsOf(lines)
	if err := c.Do(ctx, c.B().Punsubscribe().Pattern(patterns...).Build()).Error(); err != nil {
		return err
	}
	return c.Do(ctx, c.B().Unsubscribe().Channel(channels...).Build()).Error()
}

// Refused takes back what was not refused: half of it may have been done.
func (s subscriptions) Refused(ctx context.Context, ln *line, refusal error) error {
	s.link.Log().Error("namespace is not shared: Redis refuses to subscribe", zap.String("namespace", ln.namespace),
		zap.String("pattern", ln.names.pattern), zap.Error(refusal))
	return s.Unsubscribe(ctx, []*line{ln})
}

func patternsOf(lines []*line) (patterns []string) {
	for _, ln := range lines {
		patterns = append(patterns, ln.names.pattern)
	}
	return patterns
}

func channelsOf(lines []*line) (channels []string) {
	for _, ln := range lines {
		channels = append(channels, ln.names.request, ln.names.response, ln.names.own)
	}
	return channels
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
