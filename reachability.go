package socketio

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/caddy-socketio/caddy-socketio/internal/reach"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// checkReachable refuses a config in which no request can reach a handler, and warns
// if its clients' requests probably can't. It is called while the handler is
// provisioned.
func checkReachable(ctx caddy.Context, own *reach.Handler) error {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return nil
	}
	for _, p := range reach.Find(server, own, parseReachHandler) {
		at := cmp.Or(own.Source, "apps/http/servers/"+server.Name()+"/"+p.Place)
		if p.Certain {
			return fmt.Errorf("%s: no request can reach %s: %s; %s", at, own.Name, p.Reason, p.Fix)
		}
		ctx.Logger().Warn("requests of clients probably do not reach "+own.Name,
			zap.String("at", at), zap.String("reason", p.Reason), zap.String("fix", p.Fix))
	}
	return nil
}

// mayServerSetUser is [reach.MaySetUser], called once for a server: it may have many handlers.
func (a *App) mayServerSetUser(server *caddyhttp.Server) bool {
	may, known := a.userSetters[server]
	if !known {
		may = reach.MaySetUser(server)
		if a.userSetters == nil {
			a.userSetters = make(map[*caddyhttp.Server]bool)
		}
		a.userSetters[server] = may
	}
	return may
}

// parseReachHandler reads the JSON of a handler of this module. It returns nil for other
// modules.
func parseReachHandler(name string, config json.RawMessage) *reach.Handler {
	var c struct{ Path, Source string }
	h := &reach.Handler{Name: name}
	switch name {
	case "socketio":
		h.Prefix, h.Suffixes = DefaultPath, []string{""}
	case "socketio_api":
		h.Prefix, h.Suffixes = DefaultAPIPath, append(api.Operations(), "")
	default:
		return nil
	}
	if json.Unmarshal(config, &c) != nil {
		return nil
	}
	h.Prefix, h.Source = cmp.Or(c.Path, h.Prefix), c.Source
	return h
}
