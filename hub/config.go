package hub

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
)

// Config says what a hub serves and what happens in it. See [Hub.Configure].
type Config struct {
	// Log takes what the hub has to say. Without one it is silent.
	Log *zap.Logger
	// Cluster joins the hub with those of other processes. Without one it is
	// alone. It may be used by several hubs and configs, and is closed by whoever
	// made it.
	Cluster cluster.Cluster
	// Routes are the endpoints that clients connect to.
	Routes []RouteConfig
	// Namespaces are those that exist, besides "/" and what a Go program makes
	// with [Hub.Of]. An exact name goes before a glob, an earlier glob before a
	// later one.
	Namespaces []NamespaceConfig
}

// EngineConfig is the part of a route's config that concerns Engine.IO: the path,
// transports, heartbeats, limits, allowed origins, compression and cookie.
type EngineConfig = engine.Config

// RouteConfig says how one endpoint serves its connections.
type RouteConfig struct {
	// RouteIdentity tells which route of the former config this one is. Its
	// connections stay open then.
	RouteIdentity
	// Engine is what concerns Engine.IO.
	Engine EngineConfig
	// ConnectTimeout is how long a connection may be in no namespace.
	ConnectTimeout time.Duration
	// Recovery is how long a lost connection's sockets, and the events that
	// they miss, are kept for clients that come back. Zero means not at all.
	Recovery time.Duration
	// RateLimit is how many events a connection may send in a second, and Burst
	// how many at once. More are dropped, with an acknowledgement that says so
	// where one is asked. Zero means no limit.
	RateLimit float64
	Burst     int
	// Namespaces are the names and globs of the namespaces that may be joined
	// here, besides "/". A glob means the namespaces that the config has by that
	// glob, and not those that it has by another name. Nil means all.
	Namespaces []string
}

// RouteIdentity says where a route stands. A route of a new config is the one of the former
// config that stands in the same site, at the same place; else one of that place in a
// site that has a listener and a host in common, or one with the same fingerprint that
// has moved within the site. Where several could be meant it is one with the same
// fingerprint, or else a new one.
type RouteIdentity struct {
	// Listeners are the addresses that the site listens on, and Hosts the names and
	// patterns that it has, both sorted. No hosts means any.
	Listeners, Hosts []string
	// Place tells the routes of a site apart: the path, and what else a request has
	// to match to come there.
	Place string
	// Fingerprint stands for all settings of the route.
	Fingerprint string
	// Covers reports whether a request like the one that opened a connection leads
	// to the route. Connections of which that is no longer true are closed when the
	// config comes into use, and refused before. Nil means that it is always true.
	Covers func(*HandshakeRequest) bool
}

// DefaultRoute serves all namespaces on /socket.io/ as Node's server does by
// default: both transports and protocols, pings each 25 s that are to be answered
// in 20 s, 45 s to connect, 10 s to upgrade, messages of at most 1 MB and queues of
// at most 2. Only pages of the server's own origin may connect.
func DefaultRoute() RouteConfig {
	return RouteConfig{
		Engine: EngineConfig{
			Path: "/socket.io/", Polling: true, WebSocket: true, V3: true, V4: true,
			PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second,
			UpgradeTimeout: 10 * time.Second,
			MaxPayload:     1_000_000, MaxQueue: 2_000_000,
			AllowOrigin: SameOrigin,
		},
		ConnectTimeout: 45 * time.Second,
	}
}

// NamespaceConfig says what happens in a namespace, or in all namespaces whose
// names match a glob.
type NamespaceConfig struct {
	// Name is "/chat", or a glob like "/org-*" whose stars match no slash.
	Name string
	// MaxSockets is how many sockets may be in the namespace, or in each that
	// matches the glob, on this node. Others are refused. Zero means no limit.
	MaxSockets int
	// Rules are tried in order. The first that matches an event handles it.
	Rules []Rule
}

// Rule says what an event does.
type Rule struct {
	// Events are names, see [Namespace.On].
	Events []string
	// Handlers are called in order; an error ends that.
	Handlers []Handler
}
