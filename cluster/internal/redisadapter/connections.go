package redisadapter

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redisconn"
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// Settings are a Redis and the dialect that its nodes speak. All of them are given:
// defaults belong to the modules.
type Settings struct {
	// Server is the Redis.
	Server *redisconn.Server
	// RequestsTimeout is how long other nodes have to reply.
	RequestsTimeout time.Duration
	// Key begins the names of channels in the classic and the sharded dialect.
	Key string
	// Mode selects the sharded dialect. When Mode is empty and Streams is nil, the
	// dialect is classic.
	Mode Mode
	// Streams selects the streams dialect.
	Streams *StreamsSettings
}

// StreamsSettings are the names that the streams dialect uses in Redis.
type StreamsSettings struct {
	// Stream is the name of the stream.
	Stream string
	// MaxLen is about how many entries the stream keeps.
	MaxLen int64
	// ChannelPrefix begins the names of channels.
	ChannelPrefix string
	// SessionPrefix begins the keys of lost sockets.
	SessionPrefix string
}

// adapterName returns the name of the adapter in states, errors and goroutines.
func (s *Settings) adapterName() string {
	if s.Streams != nil {
		return "redis_streams"
	}
	return "redis"
}

// defaultHub is the hub whose names in Redis have no suffix, as with Node.js.
const defaultHub = "default"

// Connections are the connections of one config: a single one for all hubs, or in the
// streams dialect one for each hub, because each hub has its own stream. They implement
// caddy.Destructor, for a pool that configs with the same settings share.
type Connections struct {
	settings Settings

	mu    sync.Mutex // guards the following; goes before the locks of connections
	log   *zap.Logger
	byHub map[string]*connection
}

// New returns connections that connect when a hub opens its first namespace.
func New(s Settings, log *zap.Logger) *Connections {
	return &Connections{settings: s, log: log, byHub: make(map[string]*connection)}
}

// Acquire returns the connections with these settings from a pool, new ones if no config
// uses them yet. Release gives them back.
func Acquire(pool *caddy.UsagePool, s Settings, log *zap.Logger) (*Connections, error) {
	value, loaded, err := pool.LoadOrNew(s.Server.ID, func() (caddy.Destructor, error) { return New(s, log), nil })
	if err != nil {
		return nil, err
	}
	cs := value.(*Connections)
	if loaded {
		cs.SetLog(log)
	}
	return cs, nil
}

// Release gives connections back to the pool that they were acquired from. They close
// when no other config uses them.
func (cs *Connections) Release(pool *caddy.UsagePool) error {
	_, err := pool.Delete(cs.settings.Server.ID)
	return err
}

// Cluster returns the cluster of a hub. Clusters of the same hub are equal by ==.
func (cs *Connections) Cluster(hub string) cluster.Cluster {
	if hub == defaultHub {
		hub = ""
	}
	return hubCluster{cs.connectionOf(hub), hub}
}

// connectionOf returns the connection that a hub uses.
func (cs *Connections) connectionOf(hub string) *connection {
	if cs.settings.Streams == nil {
		hub = ""
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.byHub[hub]
	if c == nil {
		c = newConnection(&cs.settings, hub, cs.log)
		cs.byHub[hub] = c
	}
	return c
}

// SetLog replaces the logger: the config that it belongs to may have ended.
func (cs *Connections) SetLog(log *zap.Logger) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.log = log
	for _, c := range cs.byHub {
		c.logger.Store(log)
	}
}

// InUse reports whether a namespace is open on one of the connections.
func (cs *Connections) InUse() bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.byHub {
		if len(c.listNamespaces()) > 0 {
			return true
		}
	}
	return false
}

// Destruct closes the connections. It waits up to a second until the queued messages
// are published. It returns nil.
func (cs *Connections) Destruct() error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.byHub {
		c.closeConnection()
	}
	return nil
}

// hubCluster is the part of a connection that one hub uses.
type hubCluster struct {
	conn *connection
	hub  string // "" for the default one
}

// Open implements [cluster.Cluster].
func (h hubCluster) Open(namespace string, n cluster.Node) (cluster.Adapter, error) {
	return h.conn.openNamespace(namespaceID{h.hub, namespace}, n)
}

// State implements [cluster.Cluster].
func (h hubCluster) State() cluster.State { return h.conn.describeState() }

// Close closes the hub's adapters that are still open. The connection stays: it ends
// with its configs.
func (h hubCluster) Close() error {
	for _, ns := range h.conn.listNamespaces() {
		if ns.id.hub != h.hub {
			continue
		}
		for _, a := range ns.openAdapters() {
			_ = a.Close() // never fails
		}
	}
	return nil
}
