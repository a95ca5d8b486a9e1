package socketio

import (
	"errors"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(AdminAPI{}) }

// AdminAPI is the API on Caddy's admin endpoint, under /socketio/. It guards
// itself by nothing but the admin endpoint's own rules.
type AdminAPI struct{}

// CaddyModule returns the Caddy module information.
func (AdminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.socketio", New: func() caddy.Module { return new(AdminAPI) }}
}

// Provision registers the metrics, which would vanish from the admin endpoint when
// a config fails that it was replaced for.
func (*AdminAPI) Provision(ctx caddy.Context) error { return registerMetrics(ctx) }

// Routes returns the API's route. The admin endpoint's own mux would answer what
// it does not know with plain text, so there is one.
func (*AdminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: DefaultAPIPath, Handler: caddy.AdminHandlerFunc(serveAdmin)}}
}

func serveAdmin(w http.ResponseWriter, r *http.Request) error {
	r, served := withShutdown(r)
	defer served()
	operation, ok := cutOwnPath(r.URL, DefaultAPIPath)
	if !ok {
		operation = r.URL.Path // names no operation: it begins with a slash
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

// adminAPI knows the hubs of all configs: a config that is replaced, or fails, makes
// no difference to it.
var adminAPI = &api.API{Hubs: eachHub, DefaultHub: DefaultHub, Version: moduleVersion()}

var (
	_ caddy.AdminRouter = (*AdminAPI)(nil)
	_ caddy.Provisioner = (*AdminAPI)(nil)
)
