// Package redistest tests the engines that use a Redis: it starts a real one, or several,
// stands for hubs, and has the tests of what all engines do. It knows nothing of what is
// in Redis, nor of an engine's types.
package redistest

import (
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// Engine is a cluster engine to be tested.
type Engine struct {
	// Name is what its state says.
	Name string
	// Process stands for another process: links of its own, that is.
	Process func(t testing.TB, s *Server, with Setup) cluster.Cluster
	// Other returns the cluster of a hub called other, in the process of one that is
	// called default.
	Other func(t testing.TB, c cluster.Cluster) cluster.Cluster
	// Flush waits until an adapter has published everything.
	Flush func(a cluster.Adapter)
	// Ready waits until an adapter's namespace is subscribed to.
	Ready func(t testing.TB, a cluster.Adapter)
	// Rooms are the rooms r and s1 as they arrive, of a socket s1 in both.
	Rooms string
	// Nothing is how an acknowledgement without arguments arrives.
	Nothing string
}

// Setup is what a config has besides the address of a Redis.
type Setup struct {
	// RequestsTimeout is that of the config; 0 for the default.
	RequestsTimeout time.Duration
	// Addresses are further servers.
	Addresses []string
	// GatherTime is how long the process waits for other nodes after an outage; 0
	// for the default.
	GatherTime time.Duration
	// Sentinel says that the Redis is a sentinel, of a master called main.
	Sentinel bool
}

// Pair returns nodes of two processes that see each other.
func (e *Engine) Pair(t testing.TB, s *Server, namespace string) (a, b *Node) {
	t.Helper()
	a, b = Join(t, e.Process(t, s, Setup{}), namespace), Join(t, e.Process(t, s, Setup{}), namespace)
	a.Together(2)
	b.Together(2)
	return a, b
}

// Test tests what all engines do.
func (e *Engine) Test(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T)
	}{
		{"OrderIsKept", e.orderIsKept},
		{"Questions", e.questions},
		{"QuestionsDoNotOvertake", e.questionsDoNotOvertake},
		{"NobodyElseNeedNotAnswer", e.nobodyElseNeedNotAnswer},
		{"SilentNodeMakesAnswersIncomplete", e.silentNodeMakesAnswersIncomplete},
		{"HubsAndNamespacesAreApart", e.hubsAndNamespacesAreApart},
		{"OpenAndCloseAgain", e.openAndCloseAgain},
		{"CloseWithinApply", e.closeWithinApply},
		{"PanickingNode", e.panickingNode},
		{"RedisIsAwayAtFirst", e.redisIsAwayAtFirst},
		{"UnreachableRedis", e.unreachableRedis},
		{"HostileRedis", e.hostileRedis},
		{"OthersComeBackLater", e.OthersComeBackLater},
		{"AnotherDoesNotComeBack", e.anotherDoesNotComeBack},
		{"FrozenRedis", e.FrozenRedis},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}
