package redis

import (
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(Redis{}) }

// Redis shares rooms with other servers through a Redis, which may be a single
// one, a Redis Cluster, or one that sentinels watch. It speaks the wire format of
// Node's @socket.io/redis-adapter, so that Node servers, and emitters of many
// languages, take part.
//
// The user of a Redis with access control lists needs publish, subscribe,
// psubscribe, unsubscribe, punsubscribe, pubsub|numsub, hello, ping and auth, and
// the channels of the key; when sharded, spublish, ssubscribe, sunsubscribe and
// pubsub|shardnumsub in place of the first six. In a Redis Cluster, it needs
// cluster|slots, too. The number of a database in the URL makes no difference:
// channels belong to none.
type Redis struct {
	redisconn.Config
	// Key is what the names of all channels begin with, as Node's adapter has it.
	// Default: socket.io.
	Key string `json:"key,omitempty"`
	// Sharded speaks the wire format of Node's createShardedAdapter, which takes
	// Redis 7 or newer, in place of that of createAdapter. It says which rooms
	// have a channel of their own, as Node's subscriptionMode does, and must be the
	// same on all servers: dynamic for all but those of sockets' own ids,
	// dynamic-private for all, static for none. Where a room has one, a server
	// hears what is sent to the room a moment after somebody has joined it there.
	Sharded string `json:"sharded,omitempty"`
	// RequestsTimeout is how long other servers have to answer. Default: 5s.
	RequestsTimeout caddy.Duration `json:"requests_timeout,omitempty"`

	id   string
	link *link
}

// CaddyModule returns the Caddy module information.
func (Redis) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.adapters.redis", New: func() caddy.Module { return new(Redis) }}
}

// links are those of all configs in use. A config that says the same as the one
// before it goes on with the connection that there is.
var links = caddy.NewUsagePool()

// Destruct ends a link that no config uses any more.
func (l *link) Destruct() error {
	l.close()
	return nil
}

// Provision checks the settings. All of them but requests_timeout may have
// placeholders, {env.*} and {file.*} for secrets. It does not connect: that begins
// when a hub opens its first namespace.
func (r *Redis) Provision(ctx caddy.Context) error {
	s, err := r.settings()
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	log := ctx.Logger()
	value, loaded, err := links.LoadOrNew(s.server.ID, func() (caddy.Destructor, error) { return newLink(s, log), nil })
	if err != nil {
		return err
	}
	r.id, r.link = s.server.ID, value.(*link)
	if loaded {
		r.link.SetLog(log)
	}
	return nil
}

// Cleanup lets go of the connection. It ends when no other config uses it.
func (r *Redis) Cleanup() error {
	if r.link == nil {
		return nil
	}
	_, err := links.Delete(r.id)
	r.link = nil
	return err
}

// Cluster returns what joins a hub with those of the same name in other processes.
// It is the same, by ==, for all configs that say the same. The hub called default
// shares its namespaces with Node's servers that have the same key; those of
// another hub are apart, by the key followed by a colon and the hub's name.
func (r *Redis) Cluster(hub string) cluster.Cluster {
	key := r.link.settings.key
	if hub != "" && hub != defaultHub {
		key += ":" + hub
	}
	return member{r.link, key}
}

const defaultHub = "default"

// member is a hub's part of a link.
type member struct {
	link *link
	key  string
}

// Open joins a namespace. It does not wait.
func (m member) Open(namespace string, n cluster.Node) (cluster.Adapter, error) {
	a, err := m.link.open(m.key, namespace, n)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// State tells how the connection is doing.
func (m member) State() cluster.State { return m.link.State() }

// Close leaves the namespaces that are still open. The link ends with its configs.
func (m member) Close() error {
	for _, a := range m.link.members(m.key) {
		_ = a.Close() // never fails
	}
	return nil
}

// members returns all adapters of a key.
func (l *link) members(key string) (all []*adapter) {
	for _, ln := range l.Lines() {
		if ln.key == key {
			all = append(all, ln.users()...)
		}
	}
	return all
}

var (
	_ caddy.Provisioner  = (*Redis)(nil)
	_ caddy.CleanerUpper = (*Redis)(nil)
	_ cluster.Cluster    = member{}
)
