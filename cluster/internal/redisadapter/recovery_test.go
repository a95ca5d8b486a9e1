package redisadapter

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/recordertest"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

// TestRecovery runs the cases over the stream, and over the recovery log in memory for
// dialects without a log.
func TestRecovery(t *testing.T) {
	for name, dialect := range map[string]func(*setup){"streams": inStreams, "classic": inMode(""), "sharded": inMode(Dynamic)} {
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t)
			recordertest.Run(t, func(t *testing.T) cluster.Cluster { return startNode(t, s, dialect) })
		})
	}
}
