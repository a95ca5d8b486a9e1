package socketio

import (
	"context"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

var errShutdown = errors.New("the server shuts down")

// shutdownContext ends when the process is about to exit. Caddy waits for requests that are
// under way, former configs' requests included, and a stream of emits might never end.
var shutdownContext, startShutdown = context.WithCancelCause(context.Background())

// The admin endpoint shuts down after these functions ran.
func init() { caddy.OnExit(func(context.Context) { startShutdown(errShutdown) }) }

// watchShutdown starts the shutdown when a server shuts down and the process exits.
// Servers shut down before Caddy calls functions of OnExit.
func watchShutdown(server *caddyhttp.Server) {
	server.RegisterOnShutdown(func() {
		if caddy.Exiting() {
			startShutdown(errShutdown)
		}
	})
}

// withShutdown returns a request whose context also ends with the process. The caller
// must call the returned function when the request is served.
func withShutdown(r *http.Request) (*http.Request, func()) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(shutdownContext, func() { cancel(errShutdown) })
	return r.WithContext(ctx), func() {
		stop()
		cancel(nil)
	}
}
