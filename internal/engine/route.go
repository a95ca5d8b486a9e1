package engine

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a [Route] serves. Durations and sizes that are zero take their
// default; booleans that are false switch the thing off.
type Config struct {
	// Path is where the route lives, "/socket.io/" for example. Whoever calls
	// [Server.ServeEngine] has matched it; the engine does not look at it again.
	Path string
	// Polling and WebSocket enable the transports.
	Polling, WebSocket bool
	// V3 and V4 enable the protocol revisions.
	V3, V4 bool
	// PingInterval is the time between heartbeats; default 25s.
	PingInterval time.Duration
	// PingTimeout is how long a heartbeat may be late; default 20s.
	PingTimeout time.Duration
	// UpgradeTimeout is the time that a client has to finish an upgrade that it
	// began; default 10s.
	UpgradeTimeout time.Duration
	// MaxPayload is the size of the largest POST body and the largest WebSocket
	// message, in bytes; default 1,000,000. It is told to V4 clients.
	MaxPayload int64
	// MaxQueue is how many bytes may wait for one client: when more do and another
	// message is to be queued, it is dropped. Default twice MaxPayload: one message
	// of that size must not be the end of a client that others write to as well.
	MaxQueue int
	// AllowOrigin decides about requests that carry an Origin; nil allows all.
	AllowOrigin func(origin string, r *http.Request) bool
	// Compression offers permessage-deflate and gzips the answers to polls.
	Compression bool
	// Cookie is the name of a cookie with the session id, set with the handshake
	// answer of polling for load balancers; none by default.
	Cookie string
	// MaxConnections is the limit of sessions of the route; 0 means none.
	MaxConnections int
}

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
	return &c
}

// Route is one place that serves sessions. It outlives configurations: a new one is
// put in with [Route.SetConfig].
type Route struct {
	// Owner is whatever the maker of the route wants to find again in
	// [Session.Route]. It is set before the route serves and not changed after.
	Owner any

	config atomic.Pointer[Config]

	mu       sync.Mutex // guards sessions
	sessions map[*Session]struct{}
}

// NewRoute returns a route without sessions.
func NewRoute(c Config) *Route {
	r := &Route{sessions: make(map[*Session]struct{})}
	r.SetConfig(c)
	return r
}

// Config returns the route's configuration, defaults filled in.
func (r *Route) Config() Config { return *r.config.Load() }

// SetConfig changes what new requests and sessions are served with. Live sessions
// keep the heartbeat that they were told of, and follow the rest.
func (r *Route) SetConfig(c Config) { r.config.Store(c.withDefaults()) }

// Sessions returns the number of live sessions.
func (r *Route) Sessions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// Close closes the route's sessions as [Session.Close] does. It does not refuse new
// ones.
func (r *Route) Close(reason string) {
	for _, s := range r.listSessions() {
		s.Close(reason)
	}
}

// CloseIf closes the sessions for which a condition holds, as [Session.Close] does.
func (r *Route) CloseIf(reason string, condition func(*Session) bool) {
	for _, s := range r.listSessions() {
		if condition(s) {
			s.Close(reason)
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

// addSession counts a session in, unless the route is full.
func (r *Route) addSession(s *Session) bool {
	limit := r.config.Load().MaxConnections
	r.mu.Lock()
	defer r.mu.Unlock()
	if limit > 0 && len(r.sessions) >= limit {
		return false
	}
	r.sessions[s] = struct{}{}
	return true
}

func (r *Route) removeSession(s *Session) {
	r.mu.Lock()
	delete(r.sessions, s)
	r.mu.Unlock()
}
