package hub

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/memory"
	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/replies"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"go.uber.org/zap"
)

// Options configure a new hub.
type Options struct {
	// Name identifies the hub among the hubs of a process, in logs and listings.
	Name string
	// Log is the hub's logger until [Hub.Configure] sets another. Nil logs nothing.
	Log *zap.Logger
	// Cluster joins the hub with hubs of other processes until [Hub.Configure] sets
	// another. Nil means no other nodes. The hub does not close it.
	Cluster cluster.Cluster
	// Memory counts and bounds the memory that the hub keeps because of clients, together
	// with other hubs. Nil means a memory of its own without a limit.
	Memory *Memory
	// Drainer closes the connections of several hubs. Nil means that only [Hub.Drain] does.
	Drainer *Drainer
	// Route configures [Hub.ServeHTTP]. Nil means [DefaultRoute]. [Hub.Configure]
	// does not change it.
	Route *RouteConfig
}

// Hub holds the namespaces of a process, their sockets and rooms. Its methods are
// safe for concurrent use.
type Hub struct {
	// Static after construction.
	name     string
	engine   *engine.Server
	memory   *Memory
	drainer  *Drainer // may be nil
	ownRoute *Route   // of ServeHTTP; its config does not change
	ctx      context.Context
	cancel   context.CancelFunc
	// The following are of all namespaces.
	recoveryBounds *memory.Bounds
	historyCache   *budget.Cache
	absentCache    *budget.Cache // members that are absent

	logger          atomic.Pointer[zap.Logger]
	observers       atomic.Pointer[[]*hubObserver]                              // nil while there are none
	fetched         atomic.Pointer[func(namespace string, target rooms.Target)] // see ShareConnections
	recovery        atomic.Int64                                                // the longest time.Duration of the routes
	replies         replies.Log
	stats           stats
	nodeListeners   sync.Map // by name, see OnNodeMessage
	parserWarnings  warnings // of clients with other parsers
	memberWarnings  warnings // of sockets that can't be members
	unknownSessions unknownSessions
	addressEvents   addressEvents
	failures        address.Buckets           // failed attempts
	dynamic         address.Bound[*Namespace] // namespaces that exist for their users only
	overloadWarning recurringWarning
	memoryWarning   recurringWarning
	shedWarning     recurringWarning
	rateLimits      rateLimits
	roomBuckets     roomBuckets
	handlerTimes    handlerTimes
	socketLines     lineSampler // of the log of disconnected sockets
	closed          closedSockets
	startDelivery   atomic.Pointer[deliveryStarter] // of the newest traced connection; nil before one
	watches         deliveryWatches

	configMu    sync.Mutex // guards generations, and makes changes of configs one at a time
	generations []*Generation

	mu          sync.Mutex // guards the following, and users of namespaces
	namespaces  map[string]*Namespace
	declared    *declaredNamespaces
	cluster     cluster.Cluster
	counts      map[string]*counts // by the names that the config has
	users       int                // of all namespaces
	idleWaiters []chan struct{}    // closed when users is 0
}

// New returns a hub with the namespace "/". It has no goroutine until a client connects.
// The caller closes it.
func New(o Options) *Hub {
	route := DefaultRoute()
	if o.Route != nil {
		route = *o.Route
	}
	h := &Hub{name: o.Name, cluster: cmp.Or(o.Cluster, cluster.Alone), ownRoute: newRoute(route), drainer: o.Drainer}
	h.namespaces, h.counts = make(map[string]*Namespace), make(map[string]*counts)
	if h.memory = o.Memory; h.memory == nil {
		h.memory = NewMemory(0)
	}
	h.recoveryBounds = memory.NewBounds(h.memory, addressOfLost)
	h.historyCache = h.memory.NewCache(budget.History, maxHistoryTotal)
	h.absentCache = h.memory.NewCache(budget.Rooms, maxAbsentTotal)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.logger.Store(o.Log)
	h.recovery.Store(int64(route.Recovery))
	h.engine = engine.NewServer(engine.Options{
		Log: h.log, Accept: h.acceptSession, MaxUnjoined: MaxUnjoined, Overloaded: h.checkOverload, Budget: h.memory, OverMemory: h.countOverMemory,
		OriginRefused: h.refuseOrigin, SessionUnknown: h.countUnknownSession,
		Draining:     h.drainer.Refuses,
		Paused:       h.countPause,
		CheckAddress: h.checkAddress,
		AddressLimited: func(r *engine.Route, client, limit string, evicted bool) {
			h.noteAddressLimit(r.Owner.(*Route), address.KeyOf(client), limit, evicted)
		},
	})
	h.Of("/")
	h.OnNodeMessage(activityMessage, h.receiveActivityRequest)
	return h
}

// Name returns the hub's name.
func (h *Hub) Name() string { return h.name }

// Cluster returns the hub's cluster, nil if it has no other nodes.
func (h *Hub) Cluster() cluster.Cluster {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cluster == cluster.Alone {
		return nil
	}
	return h.cluster
}

// ReplyLog keeps the replies to API requests for a minute.
type ReplyLog = replies.Log

// Replies returns the log of replies to API requests that name an id. It outlives
// configs.
func (h *Hub) Replies() *ReplyLog { return &h.replies }

// ServeHTTP serves clients without Caddy, by the config of [Options.Route], on any path
// that the hub is mounted on. A client's address is the one that the TCP connection has.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Serve(h.ownRoute, &HTTPRequest{W: w, R: r, Address: r.RemoteAddr, Secure: r.TLS != nil})
}

// HTTPRequest is one HTTP request of a client, and how to reply to it.
type HTTPRequest = engine.Request

// Serve serves one HTTP request of a client on a route of a [Generation]. It returns when
// the response is written or, for a WebSocket, when the connection is closed.
func (h *Hub) Serve(r *Route, q *HTTPRequest) {
	q.Route = r.engine
	h.engine.ServeEngine(q)
}

// CheckOrigin reports whether the web page that sent a request may use the route, and sets
// the CORS headers of the response if so. A refused origin is logged, once for each route.
// It writes no response: a caller may serve files beside the route.
func (h *Hub) CheckOrigin(r *Route, q *HTTPRequest) bool {
	q.Route = r.engine
	return h.engine.CheckOrigin(q)
}

// Connections returns the number of connections that are open.
func (h *Hub) Connections() int { return h.engine.Sessions() }

// Drain closes all connections, at a steady rate so that their clients do not reconnect
// all at once, and the rest at once when ctx ends. It refuses new connections. It returns
// when all connections are closed and their disconnect events were handled, or when ctx
// ends.
func (h *Hub) Drain(ctx context.Context) {
	h.engine.Drain(ctx, ReasonShutdown)
	h.mu.Lock()
	if h.users == 0 {
		h.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	h.idleWaiters = append(h.idleWaiters, idle)
	h.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// Close closes the connections that are left, and leaves the cluster.
func (h *Hub) Close() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	h.Drain(ended)
	h.cancel()
	h.mu.Lock()
	h.cluster = cluster.Alone
	for _, ns := range h.namespaces {
		ns.updateSchedulesLocked(nil)
	}
	h.mu.Unlock()
	for _, ns := range h.Namespaces() {
		ns.updateLink()
		ns.recoveryLog.Close()
		ns.configureHistory(nil)
	}
}

// log returns the logger of the config.
func (h *Hub) log() *zap.Logger {
	if log := h.logger.Load(); log != nil {
		return log
	}
	return nopLogger
}

var nopLogger = zap.NewNop()

// spawn runs fn on a goroutine that ends with it.
func (h *Hub) spawn(name string, fn func()) { spawn.Go(h.log(), name, fn, nil) }

// afterFunc runs fn when d has passed, on a goroutine that ends with it.
func (h *Hub) afterFunc(d time.Duration, name string, fn func()) *time.Timer {
	return time.AfterFunc(d, func() { spawn.Call(h.log(), name, fn, nil) })
}
