package redisstreams

import (
	"context"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// serve subscribes, and keeps the subscriptions those of the lines, until the
// connection is lost. It reports whether it got that far.
func (l *link) serve(client rueidis.Client) (lived bool, err error) {
	if err := l.locate(client); err != nil {
		return false, err
	}
	for _, ln := range l.Lines() {
		ln.noteAdded("") // Redis may have lost it
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
		err := l.Subscribe(s, subscriptions{l, subscriber})
		lived = lived || err == nil
		return err
	}, lost, nil)
	return lived, err
}

// subscriptions are those to the channels of lines.
type subscriptions struct {
	link   *link
	client rueidis.DedicatedClient
}

// Subscribe subscribes for lines.
func (s subscriptions) Subscribe(ctx context.Context, lines []*line) error {
	return s.client.Do(ctx, s.client.B().Subscribe().Channel(channelsOf(lines)...).Build()).Error()
}

// Unsubscribe is the reverse of Subscribe.
func (s subscriptions) Unsubscribe(ctx context.Context, lines []*line) error {
	return s.client.Do(ctx, s.client.B().Unsubscribe().Channel(channelsOf(lines)...).Build()).Error()
}

// Refused tells of it.
func (s subscriptions) Refused(_ context.Context, ln *line, refusal error) error {
	s.link.Log().Error("namespace is not shared: Redis refuses to subscribe", zap.String("namespace", ln.namespace), zap.Error(refusal))
	return nil
}

func channelsOf(lines []*line) (channels []string) {
	for _, ln := range lines {
		channels = append(channels, ln.public, ln.private)
	}
	return channels
}

// receive takes a message of a channel. It is called on the connection's goroutine,
// one at a time, and hands the message on.
func (l *link) receive(m rueidis.PubSubMessage) {
	if ln := l.subscriber(m.Channel); ln != nil {
		ln.receive(m.Message)
	}
}
