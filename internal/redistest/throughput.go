package redistest

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// MeasureThroughput measures operations that one node publishes and another receives.
func MeasureThroughput(b *testing.B, sender, receiver *Node, op cluster.Operation) {
	b.Helper()
	b.ReportAllocs()
	const window = 1000 // operations in flight
	sent, got := 0, 0
	for b.Loop() {
		sender.Publish(op)
		if sent++; sent-got >= window {
			receiver.NextOperation()
			got++
		}
	}
	for ; got < sent; got++ {
		receiver.NextOperation()
	}
}
