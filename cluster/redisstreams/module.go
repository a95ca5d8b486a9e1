package redisstreams

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisadapter"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(RedisStreams{}) }

// RedisStreams shares rooms with other nodes through a stream of a Redis, which may be a
// single server, a Redis Cluster, or one that sentinels watch. It speaks the wire format
// of Node.js's @socket.io/redis-streams-adapter 0.3, so that Node.js servers take part.
// With recovery on, clients that lost their connection find their sockets, and the events
// since then, on any of the nodes.
//
// It takes Redis 6.2 or later. The user of a Redis with access control lists needs
// xadd, xread, xrange, xrevrange, set, get, pttl, getdel, publish, subscribe, unsubscribe,
// pubsub|numsub, hello, ping and auth, the stream, the keys of sessions, and the
// channels; in a Redis Cluster, cluster|slots, too.
type RedisStreams struct {
	redisconn.Config
	// Stream is the name of the stream, as Node.js's option streamName. Default:
	// socket.io.
	Stream string `json:"stream,omitempty"`
	// MaxLen is about how many entries the stream keeps, of all namespaces, as
	// Node.js's option maxLen. A socket can't be recovered after more entries.
	// Default: 10000.
	MaxLen int64 `json:"max_len,omitempty"`
	// ChannelPrefix begins the names of channels, as Node.js's option channelPrefix. It
	// must not be the key of nodes with another kind of adapter. Default: socket.io.
	ChannelPrefix string `json:"channel_prefix,omitempty"`
	// SessionPrefix begins the keys of lost sockets, as Node.js's option
	// sessionKeyPrefix. Default: sio:session:.
	SessionPrefix string `json:"session_prefix,omitempty"`
	// RequestsTimeout is how long other nodes have to reply. Default: 5s.
	RequestsTimeout caddy.Duration `json:"requests_timeout,omitempty"`

	connections *redisadapter.Connections
}

// CaddyModule returns the Caddy module information.
func (RedisStreams) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.adapters.redis_streams", New: func() caddy.Module { return new(RedisStreams) }}
}

// pool holds the connections of all configs in use. A config with the same settings as
// the one before it continues with the same connections.
var pool = caddy.NewUsagePool()

// Provision checks the settings. All texts may have placeholders,
// {env.*} and {file.*} for secrets. It does not connect: that begins when a hub opens its
// first namespace.
func (r *RedisStreams) Provision(ctx caddy.Context) error {
	s, err := r.resolveSettings()
	if err != nil {
		return fmt.Errorf("redis_streams: %w", err)
	}
	r.connections, err = redisadapter.Acquire(pool, s, ctx.Logger())
	return err
}

// Cleanup releases the connections. They close when no other config uses them.
func (r *RedisStreams) Cleanup() error {
	if r.connections == nil {
		return nil
	}
	err := r.connections.Release(pool)
	r.connections = nil
	return err
}

// Cluster returns the cluster that joins a hub with the hubs of the same name on other
// nodes. It is equal, by ==, for all configs with the same settings. The hub called
// default shares its namespaces with Node.js servers on the same stream; other hubs are
// apart, by a colon and the hub's name after the names of the stream and channels.
func (r *RedisStreams) Cluster(hub string) cluster.Cluster { return r.connections.Cluster(hub) }

var (
	_ caddy.Provisioner  = (*RedisStreams)(nil)
	_ caddy.CleanerUpper = (*RedisStreams)(nil)
)
