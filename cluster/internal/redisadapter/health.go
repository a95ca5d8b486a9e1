package redisadapter

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"go.uber.org/zap"
)

// Health checks. A frozen Redis keeps its connections open and sends nothing.
const (
	checkInterval      = 500 * time.Millisecond
	stallTime          = 1500 * time.Millisecond // without a response to a ping
	checksToNodeSample = 4                       // checks between two counts of the nodes
)

// pong is the outcome of a ping.
type pong struct {
	address string
	failed  bool
}

// checkHealth pings the servers of a session, and counts the nodes now and then, until
// ctx ends.
func (c *connection) checkHealth(ctx context.Context, s *session) {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	pongs := make(chan pong)
	sent := make(map[string]time.Time) // pings without a response
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case p := <-pongs:
			delete(sent, p.address)
		case <-ticker.C:
			for address, server := range s.client.Nodes() {
				if _, waiting := sent[address]; waiting {
					continue
				}
				sent[address] = time.Now()
				c.startTask("ping", func() { // ends with the response, or with ctx
					err := server.Do(ctx, server.B().Ping().Build()).NonRedisError()
					select {
					case pongs <- pong{address, err != nil}:
					case <-ctx.Done():
					}
				})
			}
			if n++; n%checksToNodeSample == 0 && s.nodesBack.Load() {
				c.startTask("count nodes", func() { c.sampleNodes(ctx, s) }) // ends after stallTime
			}
		}
		stalled := maps.Clone(sent)
		maps.DeleteFunc(stalled, func(_ string, at time.Time) bool { return time.Since(at) < stallTime })
		c.setStalled(ctx, s, stalled)
	}
}

// setStalled notes which servers do not respond.
func (c *connection) setStalled(ctx context.Context, s *session, stalled map[string]time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := s.stallError()
	s.stalled = stalled
	now := s.stallError()
	if c.session != s || (before == nil) == (now == nil) {
		return
	}
	c.notifyChanged()
	if now != nil {
		s.stopResponding()
		c.log().Error("cluster out of reach: sockets on other nodes are not reached until Redis responds", zap.Error(now))
		return
	}
	s.responding, s.stopResponding = context.WithCancel(ctx)
	c.log().Info("cluster connected: Redis responds again", zap.String("server", s.homeAddress))
}

// stallError returns an error while the home server does not respond. The caller holds
// the connection's mu.
func (s *session) stallError() error {
	if _, stalled := s.stalled[s.homeAddress]; stalled {
		return noResponseError(s.homeAddress)
	}
	return nil
}

func noResponseError(address string) error {
	return fmt.Errorf("redis at %s does not respond", address)
}

// whileResponding returns a context that ends with ctx, when Redis does not respond, and
// when the session ends. It has no deadline: the client library would close a connection
// at the deadline.
func (c *connection) whileResponding(ctx context.Context, s *session) (context.Context, context.CancelFunc) {
	c.mu.Lock()
	responding := s.responding
	c.mu.Unlock()
	either, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stopFirst, stopSecond := context.AfterFunc(ctx, cancel), context.AfterFunc(responding, cancel)
	return either, func() {
		stopFirst()
		stopSecond()
		cancel()
	}
}

// whileRepliesExpected returns whileResponding for the replies to most requests. For
// clients' acknowledgements it returns ctx: they may take longer than an outage.
func (c *connection) whileRepliesExpected(ctx context.Context, s *session, q cluster.Request) (context.Context, context.CancelFunc) {
	if _, acks := q.(cluster.EmitAck); acks {
		return context.WithCancel(ctx)
	}
	return c.whileResponding(ctx, s)
}
