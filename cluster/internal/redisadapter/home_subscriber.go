package redisadapter

import (
	"context"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/redis/rueidis"
	"go.uber.org/zap"
)

// homeSubscriber subscribes the routes of namespaces at the home server of a session:
// the servers of a Redis Cluster pass messages on to each other. The classic and the
// streams dialect use it.
type homeSubscriber struct {
	conn       *connection
	session    *session
	client     rueidis.DedicatedClient
	release    func()
	subscribed bool // at least once
}

// newHomeSubscriber connects to the home server of a session.
func newHomeSubscriber(c *connection, s *session) *homeSubscriber {
	h := &homeSubscriber{conn: c, session: s}
	h.client, h.release = s.home.Dedicate()
	s.lost = h.client.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: c.routeMessage})
	return h
}

func (h *homeSubscriber) keepsClient() bool { return h.subscribed }

func (h *homeSubscriber) close() {
	h.client.Close()
	h.release()
}

func (h *homeSubscriber) syncSubscriptions() error {
	if err := h.subscribeUnsettled(); err != nil {
		return err
	}
	if !h.subscribed {
		h.conn.probePublishers(h.session.home)
		h.subscribed = true
	}
	return nil
}

// subscribeUnsettled unsubscribes closed namespaces and subscribes new ones.
func (h *homeSubscriber) subscribeUnsettled() error {
	c := h.conn
	add, remove, _ := c.takeUnsettled(h.session)
	if len(add) == 0 && len(remove) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, redisconn.CommandTimeout)
	defer cancel()
	for chunk := range slices.Chunk(remove, subscribeChunk) {
		if err := h.unsubscribeRoutes(ctx, chunk...); err != nil {
			return err
		}
		c.markUnsubscribed(h.session, chunk...)
	}
	for chunk := range slices.Chunk(add, subscribeChunk) {
		err := h.subscribeRoutes(ctx, chunk...)
		if err == nil {
			c.markSubscribed(h.session, nil, chunk...)
			continue
		}
		if _, refused := rueidis.IsRedisErr(err); !refused {
			return err
		}
		for _, ns := range chunk { // Redis refuses one of them
			if err := h.subscribeSingly(ctx, ns); err != nil {
				return err
			}
		}
	}
	return nil
}

// subscribeSingly subscribes one namespace, or notes that Redis refuses it.
func (h *homeSubscriber) subscribeSingly(ctx context.Context, ns *namespace) error {
	err := h.subscribeRoutes(ctx, ns)
	if _, refused := rueidis.IsRedisErr(err); refused {
		h.conn.log().Error("namespace is not shared: Redis refuses to subscribe", zap.String("namespace", ns.id.name),
			zap.Strings("channels", routeNames([]*namespace{ns}, false)), zap.Error(err))
		if err := h.unsubscribeRoutes(ctx, ns); err != nil { // some of its channels may be subscribed
			return err
		}
	} else if err != nil {
		return err
	}
	h.conn.markSubscribed(h.session, err, ns)
	return nil
}

// subscribeRoutes subscribes the patterns and channels of namespaces.
func (h *homeSubscriber) subscribeRoutes(ctx context.Context, all ...*namespace) error {
	b := h.client.B()
	if patterns := routeNames(all, true); len(patterns) > 0 {
		if err := h.client.Do(ctx, b.Psubscribe().Pattern(patterns...).Build()).Error(); err != nil {
			return err
		}
	}
	return h.client.Do(ctx, b.Subscribe().Channel(routeNames(all, false)...).Build()).Error()
}

// unsubscribeRoutes is the reverse of subscribe.
func (h *homeSubscriber) unsubscribeRoutes(ctx context.Context, all ...*namespace) error {
	b := h.client.B()
	if patterns := routeNames(all, true); len(patterns) > 0 {
		if err := h.client.Do(ctx, b.Punsubscribe().Pattern(patterns...).Build()).Error(); err != nil {
			return err
		}
	}
	return h.client.Do(ctx, b.Unsubscribe().Channel(routeNames(all, false)...).Build()).Error()
}

// routeNames returns the patterns, or the channels, of namespaces.
func routeNames(all []*namespace, patterns bool) (names []string) {
	for _, ns := range all {
		for _, r := range ns.codec.fixedRoutes() {
			if r.pattern == patterns {
				names = append(names, r.name)
			}
		}
	}
	return names
}

// probePublishers pings with the clients that publish. A connection may have died with
// the session before: the next message would find that out, and be lost.
func (c *connection) probePublishers(publishers ...rueidis.Client) {
	ctx, cancel := context.WithTimeout(c.ctx, redisconn.CommandTimeout)
	defer cancel()
	for _, client := range publishers {
		if err := client.Do(ctx, client.B().Ping().Build()).Error(); err != nil {
			_ = client.Do(ctx, client.B().Ping().Build()) // connects again
		}
	}
}
