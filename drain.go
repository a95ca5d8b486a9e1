package socketio

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// drainer drains the hubs of all configs. It outlives configs.
var drainer = hub.NewDrainer(eachHub, latestLog.load)

// latestLog is the logger of the latest config that was in use.
var latestLog configLog

// configLog is the logger of a config, nil before the first one.
type configLog struct{ atomic.Pointer[zap.Logger] }

// load returns the logger, which logs nothing before the first config.
func (l *configLog) load() *zap.Logger { return cmp.Or(l.Load(), zap.NewNop()) }

// stopHandler handles Caddy's event stopping, which comes before any app stops: the listeners
// are open yet, and clients that poll keep their connections until their turn.
type stopHandler struct{ app *App }

// Handle closes the connections of all hubs at a steady rate if the process exits.
func (s stopHandler) Handle(context.Context, caddy.Event) error {
	if !caddy.Exiting() {
		return nil
	}
	startShutdown(errShutdown) // or requests of the API would keep their namespaces in use
	ctx, cancel := context.WithTimeout(context.Background(), gracePeriod(s.app.ctx))
	defer cancel()
	drainer.Shutdown(ctx)
	return nil
}

// defaultGracePeriod is how long the connections may take to close when the process exits,
// unless the config has a grace_period.
const defaultGracePeriod = 3 * time.Second

// gracePeriod returns the grace_period of a config whose apps have started, or the default.
func gracePeriod(ctx caddy.Context) time.Duration {
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return defaultGracePeriod
	}
	return cmp.Or(time.Duration(app.(*caddyhttp.App).GracePeriod), defaultGracePeriod)
}
