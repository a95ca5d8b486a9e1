package memory_test

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/recordertest"
)

func TestRecoveryOverAlone(t *testing.T) {
	recordertest.Run(t, func(*testing.T) cluster.Cluster { return cluster.Alone })
}
