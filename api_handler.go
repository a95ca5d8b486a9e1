package socketio

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/caddy-socketio/caddy-socketio/internal/reach"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(APIHandler{})
	httpcaddyfile.RegisterHandlerDirective("socketio_api", parseAPIHandler)
	httpcaddyfile.RegisterDirectiveOrder("socketio_api", httpcaddyfile.Before, "reverse_proxy") // as socketio
}

// DefaultAPIPath is the path of the API: on the admin endpoint, and by default on a
// route.
const DefaultAPIPath = "/socketio/"

// APIHandler serves the API of the admin endpoint on an ordinary route. It has no access
// control of its own: protect it with Caddy's directives, like basic_auth or a matcher of
// addresses, and allow only the operations that its users need.
//
// The rest of a request's path, after the handler's path, is the name of an operation;
// without a rest it is the status. Requests outside the path go to the next handler.
//
// Cross-origin requests from browsers are refused for all methods, by the headers
// Sec-Fetch-Site and Origin. Other clients send neither header.
type APIHandler struct {
	// Path is the path of the API. It begins and ends with a slash. Default: /socketio/.
	Path string `json:"path,omitempty"`
	// Hub is the name of the only hub that requests may name. Default: requests may name
	// any hub, and the hub "default" is meant if they name none.
	Hub string `json:"hub,omitempty"`
	// Allow are the allowed operations: status, namespaces, rooms, sockets, socket, emit,
	// join, leave, disconnect, server_side_emit, health, tail, top and drain. Default: all.
	Allow []string `json:"allow,omitempty"`
	// Namespaces are names and globs, like /chat and /org-*, of the only namespaces that
	// requests may name and list. Requests cannot close connections then, as this would
	// disconnect sockets of other namespaces. Default: all.
	Namespaces []string `json:"namespaces,omitempty"`
	// Source is the place of the directive in a Caddyfile, like Caddyfile:12, for errors
	// and warnings. The Caddyfile adapter sets it. Default: none.
	Source string `json:"source,omitempty"`

	api         *api.API
	pathWatcher *pathWatcher
}

// CaddyModule returns the Caddy module information.
func (APIHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.socketio_api", New: func() caddy.Module { return new(APIHandler) }}
}

// Provision sets defaults, checks the options, and checks that requests can reach the
// handler.
func (h *APIHandler) Provision(ctx caddy.Context) error {
	if h.Path == "" {
		h.Path = DefaultAPIPath
	}
	if err := h.checkOptions(); err != nil {
		return err
	}
	if err := checkReachable(ctx, &reach.Handler{Name: "socketio_api", Prefix: h.Path, Source: h.Source}); err != nil {
		return err
	}
	h.pathWatcher = &pathWatcher{name: "socketio_api", prefix: h.Path, source: h.Source, log: ctx.Logger()}
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		watchShutdown(server)
	}
	h.api = &api.API{
		Hubs: eachHub, DefaultHub: DefaultHub, Version: moduleVersion(), NotReady: notReady, Drainer: drainer, Tails: tailsFor,
		OnlyHub: h.Hub, OnlyOperations: h.Allow, OnlyNamespaces: h.Namespaces,
	}
	return nil
}

// checkOptions returns an error for invalid options. An empty list is an error, as it
// could mean none or all.
func (h *APIHandler) checkOptions() error {
	if err := checkPrefix(h.Path, DefaultAPIPath); err != nil {
		return err
	}
	if h.Allow != nil && len(h.Allow) == 0 {
		return errors.New("allow: expected one or more operations; leave it out to allow all")
	}
	if h.Namespaces != nil && len(h.Namespaces) == 0 {
		return errors.New("namespaces: expected one or more names; leave it out to allow all")
	}
	for _, name := range h.Allow {
		if !slices.Contains(api.Operations(), name) {
			return fmt.Errorf("allow %q: expected %s", name, strings.Join(api.Operations(), ", "))
		}
	}
	for _, name := range h.Namespaces {
		if err := checkNamespace(name); err != nil {
			return err
		}
	}
	return nil
}

// ServeHTTP serves the requests on the handler's path.
func (h *APIHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	operation, ok := cutOwnPath(r.URL, h.Path)
	if !ok {
		h.pathWatcher.watchRequest(r)
		return next.ServeHTTP(w, r)
	}
	if err := checkSameOrigin(r); err != nil {
		api.WriteError(w, err)
		return nil
	}
	defer liftTimeouts(r)()
	r, served := withShutdown(r)
	defer served()
	err := h.api.Serve(w, r, operation)
	if refused, ok := errors.AsType[*api.Error](err); ok {
		api.WriteError(w, refused)
		return nil
	}
	return err
}

var crossOriginProtection = http.NewCrossOriginProtection()

// checkSameOrigin refuses requests of a browser for a page of another origin. It refuses
// reads as well: other origins have nothing to read here.
func checkSameOrigin(r *http.Request) error {
	probe := r.WithContext(r.Context())
	probe.Method = http.MethodPost // the check accepts safe methods
	if crossOriginProtection.Check(probe) != nil {
		return api.Forbidden("cross-origin requests from browsers are not allowed")
	}
	return nil
}

// liftTimeouts removes the server's timeouts for a request: a stream may be idle for
// long, and a reply may wait for acknowledgements. The caller must call the returned
// function at the end.
func liftTimeouts(r *http.Request) func() {
	read, write := caddyhttp.IdleTimeoutsFromContext(r.Context())
	if write != nil {
		write.Deadline.HardDeadline = time.Time{}
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/x-ndjson" || read == nil {
		return func() {}
	}
	read.Deadline.HardDeadline = time.Time{} // no Read runs yet
	return read.Override(24*time.Hour, 0)
}

func parseAPIHandler(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(APIHandler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads:
//
//	socketio_api [<matcher>] {
//		path       <path>
//		hub        <name>
//		allow      <operation...>
//		namespaces <name...>
//	}
func (h *APIHandler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // socketio_api
	h.Source = tokenPlace(d)
	if d.NextArg() {
		return d.Errf("socketio_api: unexpected %q: settings go into a block", d.Val())
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := h.parseOption(d); err != nil {
			return err
		}
		if err := h.checkOptions(); err != nil {
			return d.WrapErr(err) // it names this line
		}
	}
	return nil
}

func (h *APIHandler) parseOption(d *caddyfile.Dispenser) error {
	option, args := d.Val(), d.RemainingArgs()
	texts := map[string]*string{"path": &h.Path, "hub": &h.Hub}
	lists := map[string]*[]string{"allow": &h.Allow, "namespaces": &h.Namespaces}
	text, list := texts[option], lists[option]
	switch {
	case text == nil && list == nil:
		return d.Errf("socketio_api: unknown option %q: expected path, hub, allow or namespaces", option)
	case list != nil && len(args) == 0:
		return d.Errf("%s: expected one or more values", option)
	case list != nil:
		*list = append(*list, args...)
	case len(args) != 1 || args[0] == "":
		return d.Errf("%s: expected one value", option)
	case *text != "":
		return d.Errf("socketio_api: %s is given twice", option)
	default:
		*text = args[0]
	}
	return nil
}

var (
	_ caddy.Provisioner           = (*APIHandler)(nil)
	_ caddyhttp.MiddlewareHandler = (*APIHandler)(nil)
	_ caddyfile.Unmarshaler       = (*APIHandler)(nil)
)
