package socketio

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddy-socketio/caddy-socketio/internal/reach"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	// The handlers of events and the adapters of clusters are modules of their own.
	_ "github.com/caddy-socketio/caddy-socketio/cluster/redis"
	_ "github.com/caddy-socketio/caddy-socketio/cluster/redisstreams"
	_ "github.com/caddy-socketio/caddy-socketio/handlers"
	_ "github.com/caddy-socketio/caddy-socketio/handlers/backend"
	_ "github.com/caddy-socketio/caddy-socketio/handlers/jwt"
	_ "github.com/caddy-socketio/caddy-socketio/handlers/require"
)

func init() { caddy.RegisterModule(Handler{}) }

// DefaultPath is the path that clients connect to by default.
const DefaultPath = "/socket.io/"

// Handler serves clients of Socket.IO 2, 3 and 4. Requests outside its path go to the
// next handler.
//
// Without any option it serves the namespace / on /socket.io/.
type Handler struct {
	// Path is the path that clients connect to. It begins and ends with a slash. Default:
	// /socket.io/.
	Path string `json:"path,omitempty"`
	// Hub is the name of the hub that the sockets belong to. The sockets of a hub share
	// rooms, on all of its routes. Default: "default".
	Hub string `json:"hub,omitempty"`
	// Transports are polling, websocket, or both. Default: both.
	Transports []string `json:"transports,omitempty"`
	// Protocols are the revisions of Engine.IO: 3 for clients of Socket.IO 2, 4 for later
	// clients. Default: both.
	Protocols []int `json:"protocols,omitempty"`
	// PingInterval is the time between heartbeats. Default: 25s.
	PingInterval caddy.Duration `json:"ping_interval,omitempty"`
	// PingTimeout is how long the reply to a heartbeat may take. Default: 20s.
	PingTimeout caddy.Duration `json:"ping_timeout,omitempty"`
	// ConnectTimeout is how long a connection may be without a socket. Default: 45s.
	ConnectTimeout caddy.Duration `json:"connect_timeout,omitempty"`
	// UpgradeTimeout is how long an upgrade from polling to WebSocket may take.
	// Default: 10s.
	UpgradeTimeout caddy.Duration `json:"upgrade_timeout,omitempty"`
	// MaxPayload is the maximum size of a message in bytes. A larger one closes the
	// connection. Default: 1000000.
	MaxPayload int64 `json:"max_payload,omitempty"`
	// MaxQueue is how many bytes may be queued for one client. A slow client, whose queue
	// overflows, is disconnected. Default: twice MaxPayload.
	MaxQueue int `json:"max_queue,omitempty"`
	// MaxConnections is the maximum number of connections of the route. Further clients
	// get status 503. Default: no limit.
	MaxConnections int `json:"max_connections,omitempty"`
	// MaxMemoryPerConnection is how many bytes the server may keep because of one
	// connection: events that wait, attachments, auth, data, rooms, queued messages,
	// requests to backends and their replies, acknowledgements. It is at least MaxPayload and
	// MaxQueue. Default: 32 MiB, or twice MaxPayload and MaxQueue if that is more.
	MaxMemoryPerConnection int64 `json:"max_memory_per_connection,omitempty"`
	// RateLimit limits the packets and bytes that one connection may send. Default: no limit.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// PerAddress limits what clients with the same address take. Default: see
	// [PerAddress].
	PerAddress *PerAddress `json:"per_address,omitempty"`
	// Recovery is how long the sockets of a lost connection, and the events for them, are
	// kept for Socket.IO's connection state recovery, with clients of version 4.6 and
	// later. For a recovered socket, only the connect handlers jwt and require run again.
	// Default: no recovery.
	Recovery caddy.Duration `json:"recovery,omitempty"`
	// Origins are further origins whose pages may connect, like https://app.example.com,
	// or https://*.example.com, whose star is one label. "*" means all, "null" pages
	// without an origin, "file://" local pages. Requests without an Origin header do not
	// come from a web page and are accepted. Default: the own origin alone.
	Origins []string `json:"origins,omitempty"`
	// Compression enables permessage-deflate and the compression of replies to polls.
	// Default: off.
	Compression bool `json:"compression,omitempty"`
	// Cookie is the name of a cookie with the session id, for load balancers. Default: no
	// cookie.
	Cookie string `json:"cookie,omitempty"`
	// ServeClient is the major version of the official client whose files are served under
	// the path, like /socket.io/socket.io.js: 4, 3 or 2, or "off". With off, requests for
	// the files go to the next handler. Default: 4, or 2 if protocol 3 is the only one.
	ServeClient string `json:"serve_client,omitempty"`
	// Namespaces are the namespaces that clients may connect to. / always is one.
	// Default: / alone, without rules.
	Namespaces []*Namespace `json:"namespaces,omitempty"`
	// AdminUI serves the official Admin UI of Socket.IO in the namespace /admin, for all
	// namespaces of the hub. Default: no Admin UI.
	AdminUI *AdminUI `json:"admin_ui,omitempty"`
	// Source is the place of the directive in a Caddyfile, like Caddyfile:12, for errors
	// and warnings. The Caddyfile adapter sets it. Default: none.
	Source string `json:"source,omitempty"`

	app          *App
	pathWatcher  *pathWatcher
	hub          *hub.Hub
	server       *caddyhttp.Server // nil if the handler is in no HTTP server
	capturedKeys []string          // placeholders whose values are captured at the handshake
	retired      chan struct{}     // closed when this config is replaced
	retire       func()            // closes it
	// Set when app.started is closed.
	route  *hub.Route
	covers func(*engine.Handshake) bool // see [hub.RouteIdentity]
	// fingerprint is equal for handlers of two configs with the same settings.
	fingerprint string
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.socketio", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets defaults, checks the options, loads the handlers of events, and adds the
// handler to the app, which applies its config at the start.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.retired = make(chan struct{})
	h.retire = sync.OnceFunc(func() { close(h.retired) })
	h.setDefaults()
	if err := h.checkOptions(); err != nil {
		return err
	}
	h.warnOrigins(ctx.Logger())
	if err := checkReachable(ctx, &reach.Handler{Name: "socketio", Prefix: h.Path, Source: h.Source}); err != nil {
		return err
	}
	h.pathWatcher = &pathWatcher{name: "socketio", prefix: h.Path, source: h.Source, query: "EIO=", log: ctx.Logger()}
	if err := h.provisionNamespaces(ctx); err != nil {
		return err
	}
	app, err := ctx.App("socketio")
	if err != nil {
		return err
	}
	h.app = app.(*App)
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		h.server = server
		server.RegisterOnShutdown(h.retire)
		if !h.app.mayServerSetUser(server) {
			h.capturedKeys = handshake.WithoutUser(h.capturedKeys)
		}
		watchShutdown(server) // requests of a former config, which had the API, may be under way
	}
	if err := h.app.addHandler(h); err != nil {
		return err
	}
	h.hub, err = openHub(h.Hub, h.app.log)
	return err
}

func (h *Handler) setDefaults() {
	if h.Path == "" {
		h.Path = DefaultPath
	}
	if h.Hub == "" {
		h.Hub = DefaultHub
	}
	if len(h.Transports) == 0 {
		h.Transports = []string{"polling", "websocket"}
	}
	if len(h.Protocols) == 0 {
		h.Protocols = []int{3, 4}
	}
	h.setDefaultClient()
	h.AdminUI.setDefaultMode()
}

// checkOptions returns an error for invalid options.
func (h *Handler) checkOptions() error {
	if err := checkPrefix(h.Path, DefaultPath); err != nil {
		return err
	}
	if strings.ContainsAny(h.Hub, "{}") {
		return fmt.Errorf("hub %q: expected it without placeholders; {$NAME} in a Caddyfile is replaced", h.Hub)
	}
	for _, t := range h.Transports {
		if t != "polling" && t != "websocket" {
			return fmt.Errorf("transport %q: expected polling or websocket", t)
		}
	}
	for _, p := range h.Protocols {
		if p != 3 && p != 4 {
			return fmt.Errorf("protocol %d: expected 3 or 4", p)
		}
	}
	if err := h.checkNumbers(); err != nil {
		return err
	}
	if err := h.PerAddress.check(); err != nil {
		return err
	}
	if err := checkCookie(h.Cookie); err != nil {
		return err
	}
	if err := h.checkServeClient(); err != nil {
		return err
	}
	for _, o := range h.Origins {
		if err := checkOrigin(o); err != nil {
			return err
		}
	}
	return h.AdminUI.checkUser()
}

func (h *Handler) checkNumbers() error {
	for name, value := range map[string]int64{
		"ping_interval": int64(h.PingInterval), "ping_timeout": int64(h.PingTimeout), "connect_timeout": int64(h.ConnectTimeout),
		"upgrade_timeout": int64(h.UpgradeTimeout), "recovery": int64(h.Recovery),
		"max_payload": h.MaxPayload, "max_queue": int64(h.MaxQueue), "max_connections": int64(h.MaxConnections),
		"max_memory_per_connection": h.MaxMemoryPerConnection,
	} {
		if value < 0 {
			return fmt.Errorf("%s: unexpected value below 0", name)
		}
	}
	return cmp.Or(h.checkMemory(), h.RateLimit.checkRates(), h.checkBytes())
}

// checkMemory returns an error if one message, or a full queue, would exceed the memory of a
// connection.
func (h *Handler) checkMemory() error {
	c := hub.DefaultRoute().Engine
	h.configureEngine(&c)
	for name, size := range map[string]int64{"max_payload": c.MaxPayload, "max_queue": int64(c.MaxQueue)} {
		if h.MaxMemoryPerConnection != 0 && h.MaxMemoryPerConnection < size {
			return fmt.Errorf("max_memory_per_connection: unexpected %d: expected at least %s, %d", h.MaxMemoryPerConnection, name, size)
		}
	}
	return nil
}

// Cleanup releases the hub, and ends the waiting polls so that the server can shut down.
func (h *Handler) Cleanup() error {
	if h.retire != nil {
		h.retire()
	}
	if h.hub == nil {
		return nil // Provision did not open it
	}
	_, err := hubPool.Delete(h.Hub)
	return err
}

// describePlace returns the place of the handler for errors.
func (h *Handler) describePlace() string {
	if h.server == nil {
		return "route " + h.Path
	}
	return fmt.Sprintf("route %s of server %s", h.Path, h.server.Name())
}

// ServeHTTP serves the requests on the handler's path.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	rest, ok := cutOwnPath(r.URL, h.Path)
	if !ok {
		h.pathWatcher.watchRequest(r)
		return next.ServeHTTP(w, r)
	}
	isFile := h.isClientFile(rest)
	if isFile && h.ServeClient == noClient {
		return next.ServeHTTP(w, r)
	}
	query, err := parseQuery(r.URL)
	if err != nil {
		return err
	}
	if r.TLS != nil && !r.TLS.HandshakeComplete {
		// An attacker can replay early data: an event would be handled twice, and a poll
		// would take packets of the client. Browsers repeat the request after status 425.
		return caddyhttp.Error(http.StatusTooEarly, errors.New("the TLS handshake is not complete"))
	}
	if err := h.awaitStart(r); err != nil {
		return err
	}
	if isFile {
		return h.serveClientFile(w, r, rest)
	}
	h.serveEngine(w, r, query)
	return nil
}

// awaitStart waits until the config is applied. From then on every request is served,
// also if the config is replaced or the client has gone: the engine then closes the
// session properly.
func (h *Handler) awaitStart(r *http.Request) error {
	select {
	case <-h.app.started:
		return nil
	default:
	}
	select {
	case <-h.app.started:
		return nil
	case <-h.retired: // another app of the config did not start
		return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("the config is not in use"))
	case <-r.Context().Done():
		return caddyhttp.Error(499, r.Context().Err()) // the status that Caddy logs for it
	}
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
