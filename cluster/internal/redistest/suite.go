// Package redistest tests the engines that use a Redis: it starts a real one, or several,
// stands for hubs, and has the tests of what all engines do. It knows nothing of what is
// in Redis, nor of an engine's types.
package redistest

import (
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// Suite is a cluster engine to be tested.
type Suite struct {
	// Name is what its state says.
	Name string
	// Process stands for another process: links of its own, that is.
	NewCluster func(t testing.TB, s *Server, with Setup) cluster.Cluster
	// Other returns the cluster of a hub called other, in the process of one that is
	// called default.
	OtherHub func(t testing.TB, c cluster.Cluster) cluster.Cluster
	// Flush waits until an adapter has published everything.
	WaitPublished func(a cluster.Adapter)
	// Ready waits until an adapter's namespace is subscribed to.
	WaitSubscribed func(t testing.TB, a cluster.Adapter)
	// Rooms are the rooms r and s1 as they arrive, of a socket s1 in both.
	RoomsReply string
	// Nothing is how an acknowledgement without arguments arrives.
	EmptyAck string
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

// OpenPair returns nodes of two processes that see each other.
func (e *Suite) OpenPair(t testing.TB, s *Server, namespace string) (a, b *Node) {
	t.Helper()
	a, b = OpenNode(t, e.NewCluster(t, s, Setup{}), namespace), OpenNode(t, e.NewCluster(t, s, Setup{}), namespace)
	a.WaitNodes(2)
	b.WaitNodes(2)
	return a, b
}

// Run tests what all engines do.
func (e *Suite) Run(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T)
	}{
		{"OrderIsKept", e.testOrder},
		{"Questions", e.testRequests},
		{"QuestionsDoNotOvertake", e.testRequestsKeepOrder},
		{"NobodyElseNeedNotAnswer", e.testRequestWithoutOtherNodes},
		{"SilentNodeMakesAnswersIncomplete", e.testSilentNodeMakesRepliesIncomplete},
		{"HubsAndNamespacesAreApart", e.testHubsAndNamespacesAreSeparate},
		{"OpenAndCloseAgain", e.testReopenNamespace},
		{"CloseWithinApply", e.testCloseWithinApply},
		{"PanickingNode", e.testPanickingNode},
		{"RedisIsAwayAtFirst", e.testStartWithoutRedis},
		{"UnreachableRedis", e.testSilentRedis},
		{"HostileRedis", e.testHostileRedis},
		{"OthersComeBackLater", e.TestNodeReturnsLate},
		{"AnotherDoesNotComeBack", e.testNodeStaysAway},
		{"FrozenRedis", e.TestFrozenRedis},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}
