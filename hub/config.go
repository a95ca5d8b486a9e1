package hub

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
)

// Config configures a hub: its routes, namespaces, cluster and log. See [Hub.Configure].
type Config struct {
	// Log is the hub's logger. Nil logs nothing.
	Log *zap.Logger
	// Cluster joins the hub with hubs of other processes. Nil means no other nodes.
	// Several hubs and configs may use one. The hub does not close it.
	Cluster cluster.Cluster
	// Routes are the endpoints that clients connect to.
	Routes []RouteConfig
	// Namespaces are the namespaces that exist, besides "/" and the ones that a Go
	// program makes with [Hub.Of]. An exact name goes before a glob, an earlier glob
	// before a later one.
	Namespaces []NamespaceConfig
	// HandlerName returns the name by which [Stats] counts the durations of a handler, out of
	// a small number of names. Nil means "go", as for handlers that [Namespace.On] adds.
	HandlerName func(Handler) string
}

// EngineConfig is the part of a route's config that concerns Engine.IO: the path,
// transports, heartbeats, limits, allowed origins, compression and cookie.
type EngineConfig = engine.Config

// RouteConfig configures an endpoint that clients connect to.
type RouteConfig struct {
	// RouteIdentity identifies the same route in the former config, whose connections
	// stay open.
	RouteIdentity
	// Engine configures Engine.IO: transports, heartbeats, limits.
	Engine EngineConfig
	// ConnectTimeout is how long a connection may be in no namespace. Then it is
	// closed. Zero means no limit.
	ConnectTimeout time.Duration
	// Recovery is how long the sockets of a lost connection, and the events that they
	// miss, are kept for clients that reconnect. Zero means no recovery.
	Recovery time.Duration
	// PerAddress limits what clients with the same address take.
	PerAddress AddressLimits
	// Source is the place of the route in a config file, like Caddyfile:12, for
	// warnings. Default: none.
	Source string
	// Namespaces are the names and globs of the namespaces that clients may connect
	// to here, besides "/". A glob means the namespaces that the config has by that
	// glob, and no namespace that it has by another name. Nil means all.
	Namespaces []string
}

// RouteIdentity identifies a route across configs. A route of a new config is the one of
// the former config with the same site and place. Else it is one with the same place in
// a site that has a listener and a host in common, or one with the same fingerprint that
// has moved within the site. If several match, it is one with the same fingerprint, or
// else a new route.
type RouteIdentity struct {
	// Listeners are the addresses that the site listens on, and Hosts the names and
	// patterns that it has, both sorted. No hosts means any.
	Listeners, Hosts []string
	// Place identifies a route within its site: the path and the other matchers of
	// its requests.
	Place string
	// Fingerprint is equal for routes with equal settings.
	Fingerprint string
	// Covers reports whether the request that opened a connection would reach the
	// route. Other connections are closed when the config comes into use, and refused
	// before. Nil means that every request would.
	Covers func(*HandshakeRequest) bool
}

// DefaultRoute returns a route for all namespaces on /socket.io/, with the defaults of
// Socket.IO's server for Node.js: both transports and protocols, a ping every 25 s whose
// pong may take 20 s, 45 s to connect, 10 s to upgrade, messages of at most 1 MB and
// queues of at most 2 MB. Only pages of the server's own origin may connect. There is no
// recovery and no rate limit. An address may have 5,000 connections that are in no namespace
// yet and make 2,000 namespaces, and 100 failed attempts a minute.
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
		PerAddress:     AddressLimits{MaxUnjoined: 5000, MaxNamespaces: 2000, MaxFailures: 100, FailureWindow: time.Minute},
	}
}

// NamespaceConfig configures a namespace, or all namespaces whose names match a glob.
type NamespaceConfig struct {
	// Name is "/chat", or a glob like "/org-*" whose stars match no slash.
	Name string
	// MaxSockets is how many sockets may be in the namespace, or in each that
	// matches the glob, on this node. More get the connect error "Too many sockets".
	// Zero means no limit.
	MaxSockets int
	// Rules are tried in order. The first that matches an event handles it.
	Rules []Rule
	// Use are the handlers that are called before the handlers of each event that a
	// client emits, also of one that no rule handles. After an error no other handler is
	// called.
	Use []Handler
	// Every are the handlers that are called again and again.
	Every []Periodic
	// Presence are the rooms that have members. The first one that names a room counts.
	Presence []Presence
	// ClusterRooms are names and globs of rooms whose sizes the nodes report to each
	// other. A star matches any text.
	ClusterRooms []string
	// ClusterSize makes the nodes report their numbers of sockets to each other.
	ClusterSize bool
	// History is which events of rooms are kept for sockets that join. The first entry that
	// matches a room applies. See [Event.JoinWithHistory].
	History []History
	// RoomRates limit the emits of clients' events to rooms of this node. The first one that
	// matches a room applies.
	RoomRates []RoomRate
}

// History configures which events of some rooms a namespace keeps for sockets that join.
type History struct {
	// Rooms are names and globs of rooms, whose stars match any text.
	Rooms []string
	// Events are names and globs of the events that are kept. Nil means all events.
	Events []string
	// Keep is how many events of each room are kept, at most [MaxHistory]. Default: 20.
	Keep int
	// For is how long an event is kept. Default: 1 hour.
	For time.Duration
}

// Rule is the handlers of some events.
type Rule struct {
	// Events are names, see [Namespace.On].
	Events []string
	// Rooms restricts RoomOccupied and RoomVacated to rooms whose names match one of
	// the globs. Nil means all rooms.
	Rooms []string
	// Parallel is how many events of the rule may be handled at a time for one socket.
	// They neither wait for the socket's other events nor hold them up. Zero means that
	// the events are handled one after another with all others of the socket. If all handlers
	// of the rule and of Use are [Immediate], the number is one.
	Parallel int
	// Rate limits the events of the rule that one client emits in one namespace. Events beyond it are
	// dropped, with the acknowledgement {"error": "rate limit exceeded"}.
	Rate Rate
	// AllowIDs allows [Event.Join] to join rooms that are named like the id of another
	// socket.
	AllowIDs bool
	// Handlers are called in order. The first error ends that. For RoomOccupied and
	// RoomVacated each must be [SocketFree].
	Handlers []Handler
}

// Periodic is handlers that one node of the cluster calls at each multiple of an
// interval since 1970, at 12:00:00, 12:00:30, 12:01:00 and so on for 30 s. A call that
// takes longer than the interval skips the next ones.
type Periodic struct {
	// Interval is from [MinInterval] to [MaxInterval].
	Interval time.Duration
	// Handlers are called in order. The first error ends that. Each must be
	// [SocketFree].
	Handlers []Handler
}
