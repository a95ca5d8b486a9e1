package redisstreams

import (
	"fmt"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

func init() { caddy.RegisterModule(RedisStreams{}) }

// RedisStreams shares rooms with other servers through a stream of a Redis, which
// may be a single one, a Redis Cluster, or one that sentinels watch. It speaks the
// wire format of Node's @socket.io/redis-streams-adapter 0.3, so that Node servers
// take part. With recovery on, clients that lost their connection find their
// sockets, and what they missed, on any of the servers.
//
// It takes Redis 6.2 or later. The user of a Redis with access control lists needs
// xadd, xread, xrange, xrevrange, set, get, pttl, getdel, publish, subscribe, unsubscribe,
// pubsub|numsub, hello, ping and auth, the stream, the keys of sessions, and the
// channels; in a Redis Cluster, cluster|slots, too.
type RedisStreams struct {
	redisconn.Config
	// Stream is the name of the stream, as Node's option streamName. Default:
	// socket.io.
	Stream string `json:"stream,omitempty"`
	// MaxLen is about how many entries the stream keeps, of all namespaces, as
	// Node's option maxLen. A client that missed more than that can't come back.
	// Default: 10000.
	MaxLen int64 `json:"max_len,omitempty"`
	// ChannelPrefix is what the names of channels begin with, as Node's option
	// channelPrefix. It must not be the key of servers with another kind of
	// adapter. Default: socket.io.
	ChannelPrefix string `json:"channel_prefix,omitempty"`
	// SessionPrefix is what the keys of lost sockets begin with, as Node's
	// option sessionKeyPrefix. Default: sio:session:.
	SessionPrefix string `json:"session_prefix,omitempty"`
	// RequestsTimeout is how long other servers have to answer. Default: 5s.
	RequestsTimeout caddy.Duration `json:"requests_timeout,omitempty"`

	links *links
}

// CaddyModule returns the Caddy module information.
func (RedisStreams) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.adapters.redis_streams", New: func() caddy.Module { return new(RedisStreams) }}
}

// pool holds the links of all configs in use. A config that says the same as the
// one before it goes on with the connections that there are.
var pool = caddy.NewUsagePool()

// links are the links of one config, and of those that say the same: one for each
// hub.
type links struct {
	settings *settings

	mu    sync.Mutex // guards the following
	log   *zap.Logger
	byHub map[string]*link
}

// of returns the link of a hub.
func (ls *links) of(hub string) *link {
	if hub == defaultHub {
		hub = ""
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.byHub[hub]
	if l == nil {
		l = newLink(ls.settings, hub, ls.log)
		ls.byHub[hub] = l
	}
	return l
}

// setLog gives all links another log.
func (ls *links) setLog(log *zap.Logger) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.log = log
	for _, l := range ls.byHub {
		l.SetLog(log)
	}
}

// Destruct ends links that no config uses any more.
func (ls *links) Destruct() error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byHub {
		l.close()
	}
	return nil
}

// Provision checks the settings. All texts may have placeholders, {env.*} and
// {file.*} for secrets. It does not connect: that begins when a hub opens its first
// namespace.
func (r *RedisStreams) Provision(ctx caddy.Context) error {
	s, err := r.settings()
	if err != nil {
		return fmt.Errorf("redis_streams: %w", err)
	}
	log := ctx.Logger()
	value, loaded, err := pool.LoadOrNew(s.server.ID, func() (caddy.Destructor, error) {
		return &links{settings: s, log: log, byHub: make(map[string]*link)}, nil
	})
	if err != nil {
		return err
	}
	r.links = value.(*links)
	if loaded {
		r.links.setLog(log)
	}
	return nil
}

// Cleanup lets go of the connections. They end when no other config uses them.
func (r *RedisStreams) Cleanup() error {
	if r.links == nil {
		return nil
	}
	_, err := pool.Delete(r.links.settings.server.ID)
	r.links = nil
	return err
}

// Cluster returns what joins a hub with those of the same name in other processes.
// It is the same, by ==, for all configs that say the same. The hub called default
// shares its namespaces with Node's servers on the same stream; those of another
// hub are apart.
func (r *RedisStreams) Cluster(hub string) cluster.Cluster { return r.links.of(hub) }

const defaultHub = "default"

var (
	_ caddy.Provisioner  = (*RedisStreams)(nil)
	_ caddy.CleanerUpper = (*RedisStreams)(nil)
	_ cluster.Cluster    = (*link)(nil)
	_ cluster.Recorder   = (*adapter)(nil)
)
