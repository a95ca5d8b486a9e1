package redisadapter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// After an outage the nodes do not reconnect at the same moment. Redis sends a message to
// the nodes that are subscribed. So the queue is published when they are as many as before.

const (
	// defaultWaitForNodesTime bounds the wait for other nodes. Some may be gone.
	defaultWaitForNodesTime = time.Second
	waitForNodesInterval    = 20 * time.Millisecond
	countChunk              = 256 // channels in one command
)

// waitForNodes waits until the expected numbers of nodes are subscribed, and then
// releases the messages for them.
func (c *connection) waitForNodes(ctx context.Context, s *session, expected map[string]int) {
	ctx, cancel := context.WithTimeout(ctx, c.waitForNodesTime)
	defer cancel()
	for len(expected) > 0 && ctx.Err() == nil {
		counts, err := c.countSubscribers(ctx, s, slices.Collect(maps.Keys(expected)))
		if err == nil {
			maps.DeleteFunc(expected, func(channel string, count int) bool { return counts[channel] >= count })
		}
		if len(expected) > 0 {
			select {
			case <-time.After(waitForNodesInterval):
			case <-ctx.Done():
			}
		}
	}
	s.nodesBack.Store(true)
	c.mu.Lock()
	c.notifyChanged()
	c.mu.Unlock()
}

// sampleNodes keeps the numbers of nodes, for the time after an outage.
func (c *connection) sampleNodes(ctx context.Context, s *session) {
	var channels []string
	for _, ns := range c.listNamespaces() {
		channels = append(channels, ns.names.requests)
	}
	ctx, cancel := context.WithTimeout(ctx, stallTime)
	defer cancel()
	counts, err := c.countSubscribers(ctx, s, channels)
	if err != nil {
		return
	}
	maps.DeleteFunc(counts, func(_ string, count int) bool { return count < 2 }) // this node alone
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == s {
		c.nodeCounts = counts
	}
}

// countNodes returns how many nodes are subscribed to a namespace, this one included.
func (c *connection) countNodes(ctx context.Context, s *session, ns *namespace) (int, error) {
	channel := ns.names.requests
	counts, err := c.countSubscribers(ctx, s, []string{channel})
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == s && s.nodesBack.Load() && counts[channel] > 1 {
		if c.nodeCounts == nil {
			c.nodeCounts = make(map[string]int)
		}
		c.nodeCounts[channel] = counts[channel]
	}
	return counts[channel], nil
}

// countSubscribers returns how many nodes are subscribed to channels, at all servers of a
// Redis Cluster: each of them knows its own subscribers only.
func (c *connection) countSubscribers(ctx context.Context, s *session, channels []string) (map[string]int, error) {
	ctx, cancel := c.whileResponding(ctx, s)
	defer cancel()
	c.mu.Lock()
	stalled := s.stalled
	c.mu.Unlock()
	total := make(map[string]int, len(channels))
	for address, server := range s.client.Nodes() {
		if _, ok := stalled[address]; ok {
			return nil, fmt.Errorf("counting nodes: %w: %w", cluster.ErrIncomplete, noResponseError(address))
		}
		for chunk := range slices.Chunk(channels, countChunk) {
			counts, err := server.Do(ctx, c.dialect.countCommand(server.B(), chunk...)).AsIntMap()
			if err != nil {
				return nil, fmt.Errorf("counting nodes at %s: %w: %w", address, cluster.ErrIncomplete, err)
			}
			for channel, count := range counts {
				total[channel] += int(count)
			}
		}
	}
	return total, nil
}
