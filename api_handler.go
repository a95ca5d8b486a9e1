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

// DefaultAPIPath is where the API is: on the admin endpoint, and on a route unless the
// handler says otherwise.
const DefaultAPIPath = "/socketio/"

// APIHandler serves the API of the admin endpoint on an ordinary route. It lets
// everyone in who reaches it: guard it with Caddy's own means, basic_auth or a
// matcher of addresses for instance, and allow no more than its users need.
//
// What stands in a request's path after the handler's own is the name of an
// operation, and nothing is the status. Requests outside the path go to the next
// handler.
//
// Browsers are let in from the handler's own origin only, by what they tell in
// Sec-Fetch-Site or Origin, whatever the method; what is no browser sends neither.
type APIHandler struct {
	// Path is where the API is. It ends in a slash. Default: /socketio/.
	Path string `json:"path,omitempty"`
	// Hub is the name of the only hub that requests may be about. Default: any
	// hub may be named, and default is meant where none is.
	Hub string `json:"hub,omitempty"`
	// Allow are the operations that are allowed: status, namespaces, rooms,
	// sockets, emit, join, leave, disconnect and server_side_emit. Default: all.
	Allow []string `json:"allow,omitempty"`
	// Namespaces are names and globs, like /chat and /org-*, of the only
	// namespaces that requests may be about and learn of. Connections can't be
	// closed then, as that would reach other namespaces. Default: all.
	Namespaces []string `json:"namespaces,omitempty"`
	// Source is where a Caddyfile has the directive, like Caddyfile:12. The
	// Caddyfile adapter sets it. Errors and warnings name it.
	Source string `json:"source,omitempty"`

	api         *api.API
	pathWatcher *pathWatcher
}

// CaddyModule returns the Caddy module information.
func (APIHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.socketio_api", New: func() caddy.Module { return new(APIHandler) }}
}

// Provision prepares the handler.
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
		Hubs: eachHub, DefaultHub: DefaultHub, Version: moduleVersion(),
		OnlyHub: h.Hub, OnlyOperations: h.Allow, OnlyNamespaces: h.Namespaces,
	}
	return nil
}

// checkOptions refuses settings that can't be meant. A list that is empty could mean
// nothing or all.
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

// checkSameOrigin refuses requests that a browser makes for a page of another site.
// Reading is refused as well: there is nothing for other sites to read.
func checkSameOrigin(r *http.Request) error {
	probe := r.WithContext(r.Context())
	probe.Method = http.MethodPost // others are taken for harmless
	if crossOriginProtection.Check(probe) != nil {
		return api.Forbidden("cross-origin requests from browsers are not allowed")
	}
	return nil
}

// liftTimeouts keeps the server's timeouts away from what may last: a stream, which may
// have nothing to say for long, and an answer that waits for acknowledgements. The
// returned function is to be called at the end.
func liftTimeouts(r *http.Request) func() {
	read, write := caddyhttp.IdleTimeoutsFromContext(r.Context())
	if write != nil {
		write.Deadline.HardDeadline = time.Time{}
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/x-ndjson" || read == nil {
		return func() {}
	}
	read.Deadline.HardDeadline = time.Time{} // nobody reads yet
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
