package engine

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

// Config is the configuration of a [Route]. Durations and sizes that are zero take
// their default; booleans that are false switch the feature off.
type Config struct {
	// Path is the URL path of the route, for example "/socket.io/". The caller of
	// [Server.ServeEngine] has matched it; the engine does not check it.
	Path string
	// Polling and WebSocket enable the transports.
	Polling, WebSocket bool
	// V3 and V4 enable the protocol revisions.
	V3, V4 bool
	// PingInterval is the time between heartbeats; default 25s.
	PingInterval time.Duration
	// PingTimeout is how long a heartbeat may be late; default 20s.
	PingTimeout time.Duration
	// UpgradeTimeout is the time that a client has to complete an upgrade that it
	// began; default 10s.
	UpgradeTimeout time.Duration
	// MaxPayload is the size of the largest POST body and the largest WebSocket
	// message, in bytes; default 1,000,000. V4 clients read it in the open packet.
	MaxPayload int64
	// MaxQueue is how many bytes may wait for one client. If more wait when another
	// message is to be queued, the slow client loses its session. Default twice
	// MaxPayload: one message of that size must not close a client that gets other
	// messages as well.
	MaxQueue int
	// AllowOrigin decides about HTTP requests with an Origin; nil allows all.
	AllowOrigin func(origin string, r *http.Request) bool
	// Compression accepts permessage-deflate and gzips the replies to polls.
	Compression bool
	// Cookie is the name of a cookie with the session id, for load balancers. The
	// response to a polling handshake sets it. None by default.
	Cookie string
	// MaxMemory is how many bytes the server may keep because of one session, see package
	// budget; default 32 MiB, or twice MaxPayload and MaxQueue if that is more.
	MaxMemory int64
	// PacketRate limits the packets of each connection, its demanded heartbeats and
	// acknowledgements aside. Events and connects beyond it are dropped, with the
	// acknowledgement or connect error "rate limit exceeded". After other packets the
	// client is not read for a while; default no limit.
	PacketRate Rate
	// ByteRate limits the bytes of each connection's packets. Beyond it the client is
	// not read for a while; default no limit.
	ByteRate Rate
	// MaxConnections is the limit of the route's sessions. Beyond it, new ones are
	// refused with status 503. But an address that has more than a tenth of them loses its
	// oldest one to an address that has fewer. 0 means no limit.
	MaxConnections int
	// PerAddress limits the sessions of one address.
	PerAddress AddressLimits
}

// defaultMaxMemory is the least default of [Config.MaxMemory].
const defaultMaxMemory = 32 << 20

func (c Config) withDefaults() *Config {
	if c.PingInterval <= 0 {
		c.PingInterval = 25 * time.Second
	}
	if c.PingTimeout <= 0 {
		c.PingTimeout = 20 * time.Second
	}
	if c.UpgradeTimeout <= 0 {
		c.UpgradeTimeout = 10 * time.Second
	}
	if c.MaxPayload <= 0 {
		c.MaxPayload = 1_000_000
	}
	if c.MaxQueue <= 0 {
		c.MaxQueue = 2 * int(c.MaxPayload)
	}
	if c.MaxMemory <= 0 {
		c.MaxMemory = max(defaultMaxMemory, 2*c.MaxPayload+int64(c.MaxQueue))
	}
	return &c
}

// Route is a place that serves sessions, with one configuration at a time. It is safe
// for concurrent use.
type Route struct {
	// Owner is a value of the route's maker, to be found through [Session.Route]. It
	// must be set before the route serves, and not changed after.
	Owner any

	config    atomic.Pointer[Config] // never nil; a Config in it does not change
	maxMemory atomic.Int64           // of the config

	mu       sync.Mutex // guards sessions
	sessions map[*Session]struct{}

	connections address.Bound[*Session] // the same sessions, with their addresses
	handshakes  address.Buckets
}

// NewRoute returns a route without sessions.
func NewRoute(c Config) *Route {
	r := &Route{sessions: make(map[*Session]struct{})}
	r.SetConfig(c)
	return r
}

// Config returns the route's configuration, defaults filled in.
func (r *Route) Config() Config { return *r.config.Load() }

// SetConfig replaces the configuration. Open sessions keep the heartbeat of their open
// packet, and follow the rest.
func (r *Route) SetConfig(c Config) {
	config := c.withDefaults()
	r.config.Store(config)
	r.maxMemory.Store(config.MaxMemory)
}

// Sessions returns the number of the route's open sessions.
func (r *Route) Sessions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// Close closes the route's sessions as [Session.CloseFor] does. It does not refuse new
// ones.
func (r *Route) Close(reason, cause string) {
	for _, s := range r.listSessions() {
		s.CloseFor(reason, cause)
	}
}

// CloseIf closes the sessions for which a condition holds, as [Session.CloseFor] does.
func (r *Route) CloseIf(reason, cause string, condition func(*Session) bool) {
	for _, s := range r.listSessions() {
		if condition(s) {
			s.CloseFor(reason, cause)
		}
	}
}

func (r *Route) listSessions() []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*Session, 0, len(r.sessions))
	for s := range r.sessions {
		all = append(all, s)
	}
	return all
}

// addSession adds a session of an address, within limits, see [address.Bound.Add].
func (r *Route) addSession(s *Session, key address.Key, l address.Limits) (evicted *Session, has bool, result address.Result) {
	evicted, has, result = r.connections.Add(&s.places.connection, key, s, l)
	if result == address.Added {
		r.mu.Lock()
		r.sessions[s] = struct{}{}
		r.mu.Unlock()
	}
	return evicted, has, result
}

func (r *Route) removeSession(s *Session) {
	r.connections.Remove(&s.places.connection)
	r.mu.Lock()
	delete(r.sessions, s)
	r.mu.Unlock()
}
