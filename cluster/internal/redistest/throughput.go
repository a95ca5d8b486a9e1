package redistest

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// MeasureThroughput has a node publish an operation each time, and another one be told.
func MeasureThroughput(b *testing.B, sender, receiver *Node, op cluster.Operation) {
	b.Helper()
	b.ReportAllocs()
	const window = 1000 // operations on their way
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
