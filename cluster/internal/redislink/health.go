package redislink

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"go.uber.org/zap"
)

// Health checks. A Redis that is frozen keeps its connections, and says nothing.
const (
	checkInterval  = 500 * time.Millisecond
	stallTime      = 1500 * time.Millisecond // without an answer to a ping
	samplesToCheck = 4                       // checks from one count of the nodes to the next
)

// pong is the outcome of a ping.
type pong struct {
	address string
	failed  bool
}

// checkHealth pings the servers of a session, and counts the nodes now and then, until
// ctx ends.
func (l *Link[L]) checkHealth(ctx context.Context, s *Session[L]) {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	pongs := make(chan pong)
	sent := make(map[string]time.Time) // pings that are not answered yet
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case p := <-pongs:
			delete(sent, p.address)
		case <-ticker.C:
			for address, node := range s.Client.Nodes() {
				if _, waits := sent[address]; waits {
					continue
				}
				sent[address] = time.Now()
				l.Spawn("ping", func() { // ends with the answer, or with ctx
					err := node.Do(ctx, node.B().Ping().Build()).NonRedisError()
					select {
					case pongs <- pong{address, err != nil}:
					case <-ctx.Done():
					}
				})
			}
			if n++; n%samplesToCheck == 0 && s.gathered.Load() {
				l.Spawn("count nodes", func() { l.sampleNodes(ctx, s) })
			}
		}
		stalled := maps.Clone(sent)
		maps.DeleteFunc(stalled, func(_ string, at time.Time) bool { return time.Since(at) < stallTime })
		l.setStalled(ctx, s, stalled)
	}
}

// setStalled notes which servers do not answer.
func (l *Link[L]) setStalled(ctx context.Context, s *Session[L], stalled map[string]time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := s.stall()
	s.stalled = stalled
	now := s.stall()
	if l.session != s || (before == nil) == (now == nil) {
		return
	}
	l.notify()
	if now != nil {
		s.stopAnswering()
		l.Log().Error("cluster out of reach: sockets of other nodes are not reached until Redis answers", zap.Error(now))
		return
	}
	s.answering, s.stopAnswering = context.WithCancel(ctx)
	l.Log().Info("cluster connected: Redis answers again", zap.String("server", s.homeAddress))
}

// stall returns an error while the server that this process publishes at does not
// answer. The caller holds the link's mu.
func (s *Session[L]) stall() error {
	if _, stalled := s.stalled[s.homeAddress]; stalled {
		return stallError(s.homeAddress)
	}
	return nil
}

func stallError(address string) error {
	return fmt.Errorf("redis at %s does not answer", address)
}

// WhileAnswering returns a context that ends with ctx, and when Redis stops to answer
// or the session ends. It has no deadline: the client library would close a connection
// by one.
func (l *Link[L]) WhileAnswering(ctx context.Context, s *Session[L]) (context.Context, context.CancelFunc) {
	l.mu.Lock()
	answering := s.answering
	l.mu.Unlock()
	either, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stopFirst, stopSecond := context.AfterFunc(ctx, cancel), context.AfterFunc(answering, cancel)
	return either, func() {
		stopFirst()
		stopSecond()
		cancel()
	}
}

// Answerable is WhileAnswering for the answers of other nodes to q. Clients may take
// their time to acknowledge, and Redis may be back by then.
func (l *Link[L]) Answerable(ctx context.Context, s *Session[L], q cluster.Request) (context.Context, context.CancelFunc) {
	if _, acks := q.(cluster.EmitAck); acks {
		return context.WithCancel(ctx)
	}
	return l.WhileAnswering(ctx, s)
}
