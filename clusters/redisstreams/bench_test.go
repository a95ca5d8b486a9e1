package redisstreams

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// BenchmarkReceive is the way of an entry from one process to another.
func BenchmarkReceive(b *testing.B) {
	sender, receiver := pair(b, startRedis(b), "/")
	emit := cluster.Emit{Target: rooms.Target{In: []string{"lobby"}}, Data: event("message", map[string]any{"id": 12345, "text": "The quick brown fox."})}
	b.ReportAllocs()
	const window = 1000 // entries on their way
	sent, got := 0, 0
	for b.Loop() {
		sender.publish(emit)
		if sent++; sent-got >= window {
			receiver.next()
			got++
		}
	}
	for ; got < sent; got++ {
		receiver.next()
	}
}
