package redisadapter

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// BenchmarkStreamsReceive is the way of an entry from one process to another.
func BenchmarkStreamsReceive(b *testing.B) {
	sender, receiver := streamsSuite.OpenPair(b, redistest.Start(b), "/")
	emit := cluster.Emit{Target: rooms.Target{In: []string{"lobby"}}, Data: redistest.NewEvent("message", map[string]any{"id": 12345, "text": "The quick brown fox."})}
	redistest.MeasureThroughput(b, sender, receiver, emit)
}
