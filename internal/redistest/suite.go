// Package redistest has the tests of all adapters that use a Redis. It starts real Redis
// servers, fake and hostile ones, and stands for hubs. It does not know the format of the
// data in Redis, nor the types of an adapter.
package redistest

import (
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// Suite tests one adapter.
type Suite struct {
	// Name is the adapter's name in its State.
	Name string
	// NewCluster stands for another process: it returns a cluster with links of its own.
	NewCluster func(t testing.TB, s *Server, with Setup) cluster.Cluster
	// OtherHub returns the cluster of the hub called other, in the same process as c, the
	// cluster of the hub called default.
	OtherHub func(t testing.TB, c cluster.Cluster) cluster.Cluster
	// WaitPublished waits until an adapter has published all operations.
	WaitPublished func(a cluster.Adapter)
	// WaitSubscribed waits until an adapter has subscribed to its namespace.
	WaitSubscribed func(t testing.TB, a cluster.Adapter)
	// RoomsReply is the reply, as text, with the rooms r and s1 of a socket s1.
	RoomsReply string
	// EmptyAck is an acknowledgement without arguments, as text.
	EmptyAck string
}

// Setup is the config of a cluster, without the address of a Redis.
type Setup struct {
	// RequestsTimeout is the option requests_timeout; 0 means the default.
	RequestsTimeout time.Duration
	// Addresses are further servers.
	Addresses []string
	// GatherTime is how long the process waits for other nodes after an outage; 0 means
	// the default.
	GatherTime time.Duration
	// Sentinel is set if the Redis is a sentinel, with a master called main.
	Sentinel bool
}

// OpenPair returns nodes of two processes that count each other.
func (e *Suite) OpenPair(t testing.TB, s *Server, namespace string) (a, b *Node) {
	t.Helper()
	a, b = OpenNode(t, e.NewCluster(t, s, Setup{}), namespace), OpenNode(t, e.NewCluster(t, s, Setup{}), namespace)
	a.WaitNodes(2)
	b.WaitNodes(2)
	return a, b
}

// Run runs the tests of all adapters.
func (e *Suite) Run(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T)
	}{
		{"Order", e.testOrder},
		{"Requests", e.testRequests},
		{"RequestsKeepOrder", e.testRequestsKeepOrder},
		{"RequestWithoutOtherNodes", e.testRequestWithoutOtherNodes},
		{"SilentNodeMakesRepliesIncomplete", e.testSilentNodeMakesRepliesIncomplete},
		{"HubsAndNamespacesAreSeparate", e.testHubsAndNamespacesAreSeparate},
		{"ReopenNamespace", e.testReopenNamespace},
		{"CloseWithinApply", e.testCloseWithinApply},
		{"PanickingNode", e.testPanickingNode},
		{"StartWithoutRedis", e.testStartWithoutRedis},
		{"SilentRedis", e.testSilentRedis},
		{"HostileRedis", e.testHostileRedis},
		{"NodeReturnsLate", e.TestNodeReturnsLate},
		{"NodeStaysAway", e.testNodeStaysAway},
		{"FrozenRedis", e.TestFrozenRedis},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}
