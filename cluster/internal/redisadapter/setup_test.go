package redisadapter

import (
	"cmp"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"go.uber.org/zap"
)

// setup is the config of a node.
type setup struct {
	redisconn.Config
	Settings
}

// startNode returns the cluster of another process: one with a connection of its own.
func startNode(t testing.TB, s *redistest.Server, change ...func(*setup)) cluster.Cluster {
	t.Helper()
	with := setup{Config: redisconn.Config{URL: "redis://" + s.Address()}, Settings: Settings{Key: "socket.io", RequestsTimeout: 5 * time.Second}}
	for _, fn := range change {
		fn(&with)
	}
	in := redisconn.NewResolver()
	with.Settings.Server = with.Config.ServerWithoutDatabase(in)
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	log := zap.NewNop()
	if testing.Verbose() {
		log, _ = zap.NewDevelopment()
	}
	connections := New(with.Settings, log)
	t.Cleanup(func() { _ = connections.Destruct() })
	return connections.Cluster(defaultHub)
}

// inMode selects the sharded dialect; the classic one with an empty mode.
func inMode(mode Mode) func(*setup) { return func(with *setup) { with.Mode = mode } }

// inStreams selects the streams dialect.
func inStreams(with *setup) {
	with.Streams = &StreamsSettings{Stream: "socket.io", MaxLen: 10_000, ChannelPrefix: "socket.io", SessionPrefix: "sio:session:"}
}

// startStreamsNode is startNode in the streams dialect.
func startStreamsNode(t testing.TB, s *redistest.Server, change ...func(*setup)) cluster.Cluster {
	t.Helper()
	return startNode(t, s, append([]func(*setup){inStreams}, change...)...)
}

// newTestCodec returns the codec of a namespace whose connection never connects, with the
// uid of another node.
func newTestCodec(t testing.TB, uid, namespace string, dialect func(*setup)) codec {
	t.Helper()
	with := setup{Settings: Settings{Key: "socket.io", RequestsTimeout: time.Second}}
	dialect(&with)
	c := newConnection(&with.Settings, "", zap.NewNop())
	t.Cleanup(c.closeConnection)
	ns := newNamespace(c, namespaceID{name: namespace})
	ns.uid, ns.names = uid, c.dialect.channelNames(ns.id, uid)
	ns.codec = c.dialect.newCodec(ns)
	return ns.codec
}

// pendingID returns the id of a pending request.
func pendingID(ns *namespace) string {
	ns.pending.mu.Lock()
	defer ns.pending.mu.Unlock()
	for id := range ns.pending.byID {
		return id
	}
	return ""
}

// adapterOf returns the adapter of a node.
func adapterOf(a cluster.Adapter) *adapter {
	if r, ok := a.(*recorder); ok {
		return r.adapter
	}
	return a.(*adapter)
}

// connectionOf returns the connection of a node.
func connectionOf(n *redistest.Node) *connection { return adapterOf(n.Adapter).namespace.conn }

// newSuite returns the shared tests of a dialect. The rooms r and s1, and an
// acknowledgement without arguments, arrive as text.
func newSuite(name string, dialect func(*setup), rooms, nothing string) redistest.Suite {
	return redistest.Suite{
		Name: name,
		NewCluster: func(t testing.TB, s *redistest.Server, with redistest.Setup) cluster.Cluster {
			c := startNode(t, s, dialect, func(own *setup) {
				own.Addresses, own.RequestsTimeout = with.Addresses, cmp.Or(with.RequestsTimeout, own.RequestsTimeout)
				if with.Sentinel {
					own.Sentinel = &redisconn.Sentinel{Master: "main"}
				}
			})
			conn := c.(hubCluster).conn
			conn.waitForNodesTime = cmp.Or(with.GatherTime, conn.waitForNodesTime)
			return c
		},
		OtherHub: func(t testing.TB, c cluster.Cluster) cluster.Cluster {
			conn := c.(hubCluster).conn
			if conn.settings.Streams != nil {
				conn = newConnection(conn.settings, "other", zap.NewNop())
				t.Cleanup(conn.closeConnection)
			}
			return hubCluster{conn, "other"}
		},
		WaitPublished: func(a cluster.Adapter) { adapterOf(a).namespace.conn.queue.waitEmpty(redistest.Timeout) },
		WaitSubscribed: func(t testing.TB, a cluster.Adapter) {
			ns := adapterOf(a).namespace
			if _, err := ns.conn.waitSubscribed(t.Context(), ns); err != nil {
				t.Fatal(err)
			}
		},
		RoomsReply: rooms,
		EmptyAck:   nothing,
	}
}

var (
	classicSuite = newSuite("redis", inMode(""), "[r s1]", "[]")
	staticSuite  = newSuite("redis", inMode(Static), "[s1 r]", "[]")
	streamsSuite = newSuite("redis_streams", inStreams, "[s1 r]", "[null]")
)

func TestClassicAdapter(t *testing.T) { classicSuite.Run(t) }
func TestStreamsAdapter(t *testing.T) { streamsSuite.Run(t) }

// TestShardedOutages runs the outages of all adapters.
func TestShardedOutages(t *testing.T) {
	t.Run("OthersComeBackLater", staticSuite.TestNodeReturnsLate)
	t.Run("FrozenRedis", staticSuite.TestFrozenRedis)
}
