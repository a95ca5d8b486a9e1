package hub

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/replies"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"go.uber.org/zap"
)

// Options say what a new hub is.
type Options struct {
	// Name tells hubs of one process apart, in logs and listings.
	Name string
	// Log takes what the hub has to say until a config brings another. Without
	// one it is silent.
	Log *zap.Logger
	// Cluster joins the hub with those of other processes until a config says
	// otherwise. Without one it is alone. The hub does not close it.
	Cluster cluster.Cluster
	// Route is how [Hub.ServeHTTP] serves clients. Nil means [DefaultRoute]. It is
	// not changed by configs.
	Route *RouteConfig
}

// Hub holds the namespaces of a process, their sockets and rooms. Its methods are
// safe for concurrent use.
type Hub struct {
	// Static after construction.
	name   string
	engine *engine.Server
	own    *Route // of ServeHTTP; its config does not change
	ctx    context.Context
	cancel context.CancelFunc

	logger   atomic.Pointer[zap.Logger]
	recovery atomic.Int64 // the longest time.Duration of the routes
	replies  replies.Log
	stats    stats
	parsers  warnings // of clients with other parsers
	unknown  unknownSessions

	useMu       sync.Mutex // guards generations, and makes changes of configs one at a time
	generations []*Generation

	mu         sync.Mutex // guards the following, and users of namespaces
	namespaces map[string]*Namespace
	declared   *declared
	cluster    cluster.Cluster    // nil when alone
	children   int                // namespaces that exist for their users only
	counts     map[string]*counts // by the names that the config has
	users      int                // of all namespaces
	idle       []chan struct{}    // closed when users is 0
}

// New makes a hub. It runs nothing by itself; Close ends what its clients began.
func New(o Options) *Hub {
	route := DefaultRoute()
	if o.Route != nil {
		route = *o.Route
	}
	h := &Hub{name: o.Name, cluster: o.Cluster, own: newRoute(route)}
	h.namespaces, h.counts = make(map[string]*Namespace), make(map[string]*counts)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.logger.Store(o.Log)
	h.recovery.Store(int64(route.Recovery))
	h.engine = engine.NewServer(engine.Options{
		Log: h.log, Accept: h.accept, MaxUnjoined: MaxUnjoined,
		OriginRefused: h.warnOrigin, SessionUnknown: h.countUnknownSession,
	})
	h.Of("/")
	return h
}

// ReplyLog keeps the replies to API requests for a minute.
type ReplyLog = replies.Log

// Name returns the hub's name.
func (h *Hub) Name() string { return h.name }

// Cluster returns what joins the hub with others, nil when it is alone.
func (h *Hub) Cluster() cluster.Cluster {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cluster
}

// Replies returns the replies to API requests that may be repeated. They outlive
// configs.
func (h *Hub) Replies() *ReplyLog { return &h.replies }

// clusterOf returns what joins a namespace with others: nothing when it is no more.
func (h *Hub) clusterOf(ns *Namespace) cluster.Cluster {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.namespaces[ns.name] != ns {
		return nil
	}
	return h.cluster
}

// ServeHTTP serves clients without Caddy, by the config of [Options.Route], on any path
// that the hub is mounted on. A client's address is the one that the TCP connection has.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Serve(h.own, &HTTPRequest{W: w, R: r, Address: r.RemoteAddr, Secure: r.TLS != nil})
}

// Of returns the namespace of a name; the slash at its beginning may be left out.
// It makes the namespace when there is none, and then the namespace stays until
// the hub is closed.
func (h *Hub) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	h.mu.Lock()
	ns := h.openLocked(name)
	if ns.kept = true; ns.child {
		ns.child = false
		h.children--
	}
	h.mu.Unlock()
	ns.link()
	return ns
}

// Namespace returns the namespace of a name, if it exists.
func (h *Hub) Namespace(name string) (*Namespace, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ns, ok := h.namespaces[name]
	return ns, ok
}

// Namespaces returns all namespaces that exist, in the order of their names.
func (h *Hub) Namespaces() []*Namespace {
	h.mu.Lock()
	list := make([]*Namespace, 0, len(h.namespaces))
	for _, ns := range h.namespaces {
		list = append(list, ns)
	}
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b *Namespace) int { return strings.Compare(a.name, b.name) })
	return list
}

// Connections returns the number of connections that are open.
func (h *Hub) Connections() int { return h.engine.Sessions() }

// Drain closes all connections, a few at a time so that their clients do not all
// come back at once, and at once when ctx ends. New clients are turned away. It
// returns when they have been told and their disconnect events have been handled, or
// when ctx ends.
func (h *Hub) Drain(ctx context.Context) {
	h.engine.Drain(ctx, ReasonShutdown)
	h.mu.Lock()
	if h.users == 0 {
		h.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	h.idle = append(h.idle, idle)
	h.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// Close closes what is left, and ends the hub.
func (h *Hub) Close() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	h.Drain(ended)
	h.cancel()
	h.mu.Lock()
	h.cluster = nil
	h.mu.Unlock()
	for _, ns := range h.Namespaces() {
		ns.link()
	}
}

// enter makes a client a user of a namespace, or says why it can't be. A
// namespace that only a glob names begins to exist so.
func (h *Hub) enter(r *Route, name string) (*Namespace, *ClientError) {
	h.mu.Lock()
	ns, refusal := h.enterLocked(r, name)
	h.mu.Unlock()
	if refusal == nil {
		ns.link()
	}
	return ns, refusal
}

func (h *Hub) enterLocked(r *Route, name string) (*Namespace, *ClientError) {
	if rules, _ := h.declared.find(name); !r.serves(name, rules) {
		return nil, errNamespace
	}
	if ns := h.namespaces[name]; ns != nil && ns.rules.Load().full(ns.users) {
		ns.counts.Load().refused.Add(1)
		return nil, &ClientError{Message: "Too many sockets"}
	}
	return h.useLocked(name)
}

// WithNamespace calls fn with the namespace of a name, if clients can join it, and reports
// that. A namespace that only a glob names need not exist: it does while fn is
// called.
func (h *Hub) WithNamespace(name string, fn func(*Namespace)) bool {
	h.mu.Lock()
	ns, refusal := h.useLocked(name)
	h.mu.Unlock()
	if refusal != nil {
		return false
	}
	defer h.leave(ns)
	ns.link()
	fn(ns)
	return true
}

var errNamespace = &ClientError{Message: "Invalid namespace"}

// useLocked makes the caller, who holds mu, a user of a namespace.
func (h *Hub) useLocked(name string) (*Namespace, *ClientError) {
	ns := h.namespaces[name]
	_, configured := h.declared.find(name)
	if !configured && (ns == nil || !ns.kept) {
		return nil, errNamespace
	}
	if ns == nil {
		if h.children >= MaxDynamic {
			return nil, &ClientError{Message: "Too many namespaces"}
		}
		h.children++
		ns = h.openLocked(name)
		ns.child = true
	}
	ns.users++
	h.users++
	return ns, nil
}

// leave ends what enter began.
func (h *Hub) leave(ns *Namespace) {
	h.mu.Lock()
	ns.users--
	if h.users--; h.users == 0 {
		for _, idle := range h.idle {
			close(idle)
		}
		h.idle = nil
	}
	h.mu.Unlock()
	h.tidy(ns)
}

// tidy lets go of a namespace that nothing names and nobody uses.
func (h *Hub) tidy(ns *Namespace) {
	h.mu.Lock()
	named := ns.kept
	if h.declared != nil && !named {
		_, named = h.declared.exact[ns.name]
	}
	if named || ns.users > 0 || h.namespaces[ns.name] != ns || ns.history.keeps() {
		h.mu.Unlock()
		return
	}
	delete(h.namespaces, ns.name)
	if ns.child {
		h.children--
	}
	h.mu.Unlock()
	ns.link()
}

// holds reports whether a socket may be where it is: the config or a Go program has
// its namespace, and its route serves that.
func (h *Hub) holds(s *Socket) bool {
	return h.exists(s.ns) && s.client.route.serves(s.ns.name, s.ns.rules.Load())
}

// exists reports whether the config or a Go program has the namespace.
func (h *Hub) exists(ns *Namespace) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, configured := h.declared.find(ns.name)
	return configured || ns.kept
}

// openLocked returns the namespace of a name, new when there was none. The caller
// holds mu, and links the namespace without it.
func (h *Hub) openLocked(name string) *Namespace {
	if ns := h.namespaces[name]; ns != nil {
		return ns
	}
	ns := newNamespace(h, name)
	h.configureLocked(ns)
	h.namespaces[name] = ns
	return ns
}

// configureLocked makes a namespace what the config says. One that a glob names is
// counted under the glob: clients choose its name. The caller holds mu.
func (h *Hub) configureLocked(ns *Namespace) {
	r, configured := h.declared.find(ns.name)
	ns.rules.Store(r)
	name := ns.name
	if configured {
		name = r.name
	} else if ns.child {
		return // it ends soon, and is counted as before
	}
	c := h.counts[name]
	if c == nil {
		c = new(counts)
		h.counts[name] = c
	}
	ns.counts.Store(c)
}

func (h *Hub) log() *zap.Logger {
	if log := h.logger.Load(); log != nil {
		return log
	}
	return silent
}

var silent = zap.NewNop()

// spawn runs fn on a goroutine that ends with it.
func (h *Hub) spawn(name string, fn func()) { spawn.Go(h.log(), name, fn, nil) }

// after runs fn when d has passed, on a goroutine that ends with it.
func (h *Hub) after(d time.Duration, name string, fn func()) *time.Timer {
	return time.AfterFunc(d, func() { spawn.Call(h.log(), name, fn, nil) })
}

// everybody is the target that means all sockets of a namespace.
var everybody rooms.Target
