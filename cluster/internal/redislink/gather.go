package redislink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/redis/rueidis"
)

// After an outage the nodes do not all come back at once. Redis hands a message to the
// nodes that are subscribed by then, so the queue is published when they are as many as
// before.

const (
	// gatherTime is how long the other nodes are waited for. Some may be gone.
	gatherTime     = time.Second
	gatherInterval = 20 * time.Millisecond
	countChunk     = 256 // channels in one command
)

// CountCommand returns the command that counts the subscribers of channels.
type CountCommand func(b rueidis.Builder, channels ...string) rueidis.Completed

// Gathered reports whether the nodes are subscribed again that were before an outage,
// as far as they can be expected to.
func (s *Session[L]) Gathered() bool { return s.gathered.Load() }

// gather waits for the other nodes, and then releases the messages for them.
func (l *Link[L]) gather(ctx context.Context, s *Session[L], expected map[string]int) {
	ctx, cancel := context.WithTimeout(ctx, l.GatherTime)
	defer cancel()
	for len(expected) > 0 && ctx.Err() == nil {
		counts, err := l.countAll(ctx, s, slices.Collect(maps.Keys(expected)))
		if err == nil {
			maps.DeleteFunc(expected, func(channel string, count int) bool { return counts[channel] >= count })
		}
		if len(expected) > 0 {
			select {
			case <-time.After(gatherInterval):
			case <-ctx.Done():
			}
		}
	}
	s.gathered.Store(true)
	l.mu.Lock()
	l.notify()
	l.mu.Unlock()
}

// sampleNodes notes how many nodes there are, for the time after an outage.
func (l *Link[L]) sampleNodes(ctx context.Context, s *Session[L]) {
	var channels []string
	for _, ln := range l.Lines() {
		channels = append(channels, ln.CountChannel())
	}
	ctx, cancel := context.WithTimeout(ctx, stallTime)
	defer cancel()
	counts, err := l.countAll(ctx, s, channels)
	if err != nil {
		return
	}
	maps.DeleteFunc(counts, func(_ string, count int) bool { return count < 2 }) // this node alone
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session == s {
		l.counts = counts
	}
}

// Count returns how many nodes are subscribed to a channel.
func (l *Link[L]) Count(ctx context.Context, s *Session[L], channel string) (int, error) {
	counts, err := l.countAll(ctx, s, []string{channel})
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session == s && s.gathered.Load() && counts[channel] > 1 {
		if l.counts == nil {
			l.counts = make(map[string]int)
		}
		l.counts[channel] = counts[channel]
	}
	return counts[channel], nil
}

// countAll returns how many nodes are subscribed to channels, at all servers of a Redis
// Cluster: each of them knows its own only.
func (l *Link[L]) countAll(ctx context.Context, s *Session[L], channels []string) (map[string]int, error) {
	ctx, cancel := l.WhileAnswering(ctx, s)
	defer cancel()
	l.mu.Lock()
	stalled := s.stalled
	l.mu.Unlock()
	total := make(map[string]int, len(channels))
	for address, node := range s.Client.Nodes() {
		if _, ok := stalled[address]; ok {
			return nil, fmt.Errorf("counting nodes: %w: %w", cluster.ErrIncomplete, stallError(address))
		}
		for chunk := range slices.Chunk(channels, countChunk) {
			counts, err := node.Do(ctx, l.CountCommand(node.B(), chunk...)).AsIntMap()
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
