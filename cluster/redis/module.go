package redis

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisadapter"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(Redis{}) }

// Redis shares rooms with other nodes through a Redis, which may be a single server, a
// Redis Cluster, or one that sentinels watch. It speaks the wire format of Node.js's
// @socket.io/redis-adapter, so that Node.js servers, and emitters in many languages, take
// part.
//
// The user of a Redis with access control lists needs publish, subscribe, psubscribe,
// unsubscribe, punsubscribe, pubsub|numsub, hello, ping and auth, and the channels of the
// key; when sharded, spublish, ssubscribe, sunsubscribe and pubsub|shardnumsub in place of
// the first six. In a Redis Cluster, it needs cluster|slots, too. The number of a database
// in the URL makes no difference: channels belong to none.
type Redis struct {
	redisconn.Config
	// Key begins the names of all channels, as in Node.js's adapter. Default:
	// socket.io.
	Key string `json:"key,omitempty"`
	// Sharded selects the wire format of Node.js's createShardedAdapter, which takes
	// Redis 7 or later, in place of createAdapter. Its value is the mode, as Node.js's
	// subscriptionMode, and must be the same on all nodes: dynamic gives each room a
	// channel, except for rooms named like ids of sockets; dynamic-private gives one to
	// each room; static to none. A node receives events of a room with a channel a moment
	// after the first socket has joined there.
	Sharded string `json:"sharded,omitempty"`
	// RequestsTimeout is how long other nodes have to reply. Default: 5s.
	RequestsTimeout caddy.Duration `json:"requests_timeout,omitempty"`

	connections *redisadapter.Connections
}

// CaddyModule returns the Caddy module information.
func (Redis) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.adapters.redis", New: func() caddy.Module { return new(Redis) }}
}

// pool holds the connections of all configs in use. A config with the same settings as
// the one before it continues with the same connection.
var pool = caddy.NewUsagePool()

// Provision checks the settings. All of them but requests_timeout may have placeholders,
// {env.*} and {file.*} for secrets. It does not connect: that begins when a hub opens its
// first namespace.
func (r *Redis) Provision(ctx caddy.Context) error {
	s, err := r.resolveSettings()
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	r.connections, err = redisadapter.Acquire(pool, s, ctx.Logger())
	return err
}

// Cleanup releases the connection. It closes when no other config uses it.
func (r *Redis) Cleanup() error {
	if r.connections == nil {
		return nil
	}
	err := r.connections.Release(pool)
	r.connections = nil
	return err
}

// Cluster returns the cluster that joins a hub with the hubs of the same name on other
// nodes. It is equal, by ==, for all configs with the same settings. The hub called
// default shares its namespaces with Node.js servers that have the same key; other hubs
// are apart, by the key followed by a colon and the hub's name.
func (r *Redis) Cluster(hub string) cluster.Cluster { return r.connections.Cluster(hub) }

var (
	_ caddy.Provisioner  = (*Redis)(nil)
	_ caddy.CleanerUpper = (*Redis)(nil)
)
