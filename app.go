package socketio

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/adminui"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/caddy-socketio/caddy-socketio/internal/tail"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

func init() { caddy.RegisterModule(App{}) }

// App merges the configs of all socketio handlers. It needs no config of its own: Caddy
// loads it with the first handler.
//
// Sockets belong to hubs, which outlive configs. A new config applies to the next event,
// and closes only connections that it has no route for.
type App struct {
	// Cluster is the adapter that joins the hubs of this node with the hubs of other
	// nodes, so that they share rooms. Default: no cluster.
	ClusterRaw json.RawMessage `json:"cluster,omitempty" caddy:"namespace=socketio.adapters inline_key=adapter"`

	// MaxMemory is how many bytes this process may keep because of clients of all hubs.
	// Beyond it, new connections get status 503, and the connections that keep most are
	// slowed and then closed. At least 32 MiB. Default: 60 % of the memory that the process
	// may use: the smallest of GOMEMLIMIT, the limits of its control groups and the
	// machine's memory.
	MaxMemory int64 `json:"max_memory,omitempty"`

	log         *zap.Logger
	ctx         caddy.Context
	adapter     ClusterAdapter
	handlers    []*Handler
	userSetters map[*caddyhttp.Server]bool // see mayServerSetUser; changed by Provision of handlers
	// configs are for Handle, after Start.
	configs []*hubConfig
	// generations are the configs of the hubs, while the app runs.
	generations []*hub.Generation
	// releases release the settings of Admin UIs, while the app runs.
	releases []func()
	// started is closed when the handlers have their routes.
	started chan struct{}
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio", New: func() caddy.Module { return new(App) }}
}

// Provision loads the adapter of the cluster.
func (a *App) Provision(ctx caddy.Context) error {
	a.log, a.ctx = ctx.Logger(), ctx
	a.started = make(chan struct{})
	if err := a.subscribeEvents(ctx); err != nil {
		return err
	}
	if a.MaxMemory != 0 && a.MaxMemory < minMaxMemory {
		return fmt.Errorf("max_memory: unexpected %d: expected at least %d bytes (32 MiB)", a.MaxMemory, minMaxMemory)
	}
	if a.ClusterRaw == nil {
		return registerMetrics(ctx)
	}
	if err := checkFormerNames(a.ClusterRaw); err != nil {
		return err
	}
	module, err := ctx.LoadModule(a, "ClusterRaw")
	if err != nil {
		return fmt.Errorf("load the cluster's adapter: %w", err)
	}
	adapter, ok := module.(ClusterAdapter)
	if !ok {
		return fmt.Errorf("module %T is not a cluster adapter", module)
	}
	a.adapter = adapter
	return registerMetrics(ctx)
}

// checkFormerNames refuses the key engine, the former name of adapter. Otherwise the
// error would name a missing adapter, or an unknown field of its module.
func checkFormerNames(clusterRaw json.RawMessage) error {
	var keys map[string]json.RawMessage
	if json.Unmarshal(clusterRaw, &keys) != nil {
		return nil // loading the module returns the error
	}
	if name, ok := keys["engine"]; ok {
		return fmt.Errorf(`cluster: the key "engine" is now "adapter": expected {"adapter": %s}`, name)
	}
	return nil
}

// ClusterAdapter is implemented by the modules in the namespace socketio.adapters.
type ClusterAdapter interface {
	// Cluster returns the cluster of the hub with that name. It returns the same cluster,
	// by ==, for two configs with the same settings, so that a reload keeps the
	// connections to other nodes.
	Cluster(hub string) cluster.Cluster
}

// RequirableAdapter is implemented by cluster adapters that a config can mark as required.
type RequirableAdapter interface {
	// IsRequired reports whether the node is not ready for new clients while the cluster is
	// out of reach. The readiness check calls it, for the newest config.
	IsRequired() bool
}

// clusterFor returns the cluster of a hub, or nil if none is configured.
func (a *App) clusterFor(hub string) cluster.Cluster {
	if a.adapter == nil {
		return nil
	}
	return a.adapter.Cluster(hub)
}

// maxPollWait is how long a reload waits for polls that are under way. Without the wait
// their clients would find the listeners closed.
const maxPollWait = 250 * time.Millisecond

// Start prepares the config. A panic of a guest module becomes an error: without one, Caddy
// would not close the listeners that it has opened for the config.
func (a *App) Start() (err error) {
	defer spawn.RecoverError(a.log, "start of a config", &err)
	a.configs = a.mergeConfigs()
	return nil
}

// Handle applies the config to the hubs. Caddy calls it when all apps have started: rules of a
// config that fails to start, because an address is in use for instance, never run. Requests
// that arrive earlier wait, see [Handler.awaitStart].
func (a *App) Handle(context.Context, caddy.Event) error {
	runningApps.addApp(a)
	for _, c := range a.configs {
		g := c.hub.Configure(c.Config)
		a.generations = append(a.generations, g)
		for i, route := range g.Routes() {
			c.handlers[i].route = route
		}
		if c.adminUI != nil {
			a.releases = append(a.releases, consoleFor(c.hub).Use(c.adminUI))
		}
	}
	a.configs = nil
	latestLog.Store(a.log)
	close(a.started)
	deadline := time.Now().Add(maxPollWait)
	for _, g := range a.generations {
		g.AwaitPolls(deadline)
	}
	return nil
}

// subscribeEvents has Caddy call Handle when all apps of the config have started, and the
// stopHandler before any app stops.
func (a *App) subscribeEvents(ctx caddy.Context) error {
	app, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("load the app of events: %w", err)
	}
	events := app.(*caddyevents.App)
	if err := events.On("started", a); err != nil {
		return err
	}
	return events.On("stopping", stopHandler{a})
}

// Stop releases the config.
func (a *App) Stop() error {
	runningApps.removeApp(a)
	for _, release := range a.releases {
		release()
	}
	for _, g := range a.generations {
		g.Release()
	}
	return nil
}

// hubConfig is the merged config of one hub, from all of its handlers.
type hubConfig struct {
	hub.Config
	hub      *hub.Hub
	handlers []*Handler
	adminUI  *adminui.Settings // nil without an Admin UI
}

// mergeConfigs merges the handlers' configs by hub.
func (a *App) mergeConfigs() []*hubConfig {
	var configs []*hubConfig
	sites := make(siteMaps)
	for _, h := range a.handlers {
		i := slices.IndexFunc(configs, func(c *hubConfig) bool { return c.hub == h.hub })
		if i < 0 {
			i = len(configs)
			configs = append(configs, &hubConfig{hub: h.hub, Config: hub.Config{Log: a.log, Cluster: a.clusterFor(h.Hub), HandlerName: handlerName}})
		}
		c := configs[i]
		c.handlers = append(c.handlers, h)
		route := h.routeConfig()
		route.RouteIdentity = sites.mapFor(h.server).buildIdentity(h)
		h.covers = route.Covers
		c.Routes = append(c.Routes, route)
		for _, ns := range h.Namespaces {
			if !slices.ContainsFunc(c.Namespaces, func(other hub.NamespaceConfig) bool { return other.Name == ns.Name }) {
				c.Namespaces = append(c.Namespaces, ns.compiled)
			}
		}
		if h.AdminUI != nil && c.adminUI == nil {
			c.adminUI = h.AdminUI.compile(a.log)
			c.Namespaces = append(c.Namespaces, consoleFor(h.hub).NamespaceConfig(c.adminUI))
		}
	}
	return configs
}

// addHandler adds a handler. It returns an error if another handler declares the same
// namespace with different rules, or has another Admin UI for the hub.
func (a *App) addHandler(h *Handler) error {
	if err := a.checkAdminUI(h); err != nil {
		return err
	}
	for _, ns := range h.Namespaces {
		for _, other := range a.handlers {
			if other.Hub != h.Hub {
				continue
			}
			for _, theirs := range other.Namespaces {
				if theirs.Name == ns.Name && theirs.fingerprint != ns.fingerprint {
					return fmt.Errorf("namespace %s of hub %s is declared with different rules at %s and at %s; "+
						"routes that serve the same namespace must declare the same rules, by import for example, or give one of the sites a hub of its own",
						ns.Name, h.Hub, other.describePlace(), h.describePlace())
				}
			}
		}
	}
	a.handlers = append(a.handlers, h)
	return nil
}

// hubPool has the hubs of all configs in use, by name. A hub lives as long as a handler
// names it.
var hubPool = caddy.NewUsagePool()

// pooledHub is a hub in the pool, with the console of its Admin UI, and its tails.
type pooledHub struct {
	*hub.Hub
	console *adminui.Console
	tails   *tail.Server
}

// Destruct closes the hub when no config names it.
func (p pooledHub) Destruct() error {
	p.Close()
	return nil
}

func openHub(name string, log *zap.Logger) (*hub.Hub, error) {
	value, _, err := hubPool.LoadOrNew(name, func() (caddy.Destructor, error) {
		h := hub.New(hub.Options{Name: name, Log: log, Memory: processMemory, Drainer: drainer})
		return pooledHub{h, adminui.New(h), tail.New(h, log)}, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(pooledHub).Hub, nil
}

// DefaultHub is the name of the hub of handlers that name none.
const DefaultHub = "default"

// poolEntryOf returns the entry of a hub in the pool, a zero one if no config names it any more.
func poolEntryOf(h *hub.Hub) (entry pooledHub) {
	hubPool.Range(func(_, value any) bool {
		if p := value.(pooledHub); p.Hub == h {
			entry = p
		}
		return entry.Hub == nil
	})
	return entry
}

// tailsFor returns the tails of a hub, or nil if no config names it any more.
func tailsFor(h *hub.Hub) *tail.Server { return poolEntryOf(h).tails }

// Hub returns the hub of a name, for Go modules. It exists from the provisioning of the
// first handler that names it, until no config has such a handler.
func Hub(name string) (*hub.Hub, bool) {
	for h := range eachHub {
		if h.Name() == name {
			return h, true
		}
	}
	return nil, false
}

// eachHub iterates over the hubs that exist.
func eachHub(yield func(*hub.Hub) bool) {
	hubPool.Range(func(_, value any) bool { return yield(value.(pooledHub).Hub) })
}

var (
	_ caddy.App         = (*App)(nil)
	_ caddy.Provisioner = (*App)(nil)
)
