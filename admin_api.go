package socketio

import (
	"errors"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(AdminAPI{}) }

// AdminAPI is the API on Caddy's admin endpoint, under /socketio/. It has no access
// control of its own; the admin endpoint's rules apply.
type AdminAPI struct{}

// CaddyModule returns the Caddy module information.
func (AdminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.socketio", New: func() caddy.Module { return new(AdminAPI) }}
}

// Provision registers the metrics. Otherwise they would be missing on the admin endpoint
// after a failed reload, which replaces its registry.
func (*AdminAPI) Provision(ctx caddy.Context) error { return registerMetrics(ctx) }

// Routes returns the single route of the API. With one route an operation, the admin
// endpoint's mux would reply to unknown paths with plain text.
func (*AdminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: DefaultAPIPath, Handler: caddy.AdminHandlerFunc(serveAdmin)}}
}

func serveAdmin(w http.ResponseWriter, r *http.Request) error {
	r, served := withShutdown(r)
	defer served()
	operation, ok := cutOwnPath(r.URL, DefaultAPIPath)
	if !ok {
		operation = r.URL.Path // not an operation, as it begins with a slash
	}
	err := adminAPI.Serve(w, r, operation)
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		return err
	}
	if e.Allow != "" {
		w.Header().Set("Allow", e.Allow)
	}
	return caddy.APIError{HTTPStatus: e.Status, Err: e}
}

// adminAPI serves the hubs of all configs. It is the same before and after a reload.
var adminAPI = &api.API{Hubs: eachHub, DefaultHub: DefaultHub, Version: moduleVersion(), NotReady: notReady, Drainer: drainer, Tails: tailsFor}

var (
	_ caddy.AdminRouter = (*AdminAPI)(nil)
	_ caddy.Provisioner = (*AdminAPI)(nil)
)
