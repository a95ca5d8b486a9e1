package socketio

import (
	"context"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

var errShutdown = errors.New("the server shuts down")

// shutdownContext ends when the process is about to. Caddy waits then for the requests that
// are under way, also for those of former configs, and a stream of emits might never
// end.
var shutdownContext, startShutdown = context.WithCancelCause(context.Background())

// The admin endpoint is shut down after these functions were called.
func init() { caddy.OnExit(func(context.Context) { startShutdown(errShutdown) }) }

// watchShutdown ends what lasts when a server shuts down for good, which it does before
// what is registered with Caddy is called.
func watchShutdown(server *caddyhttp.Server) {
	server.RegisterOnShutdown(func() {
		if caddy.Exiting() {
			startShutdown(errShutdown)
		}
	})
}

// withShutdown returns a request whose context ends with the process, too. The returned
// function is to be called when the request is served.
func withShutdown(r *http.Request) (*http.Request, func()) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(shutdownContext, func() { cancel(errShutdown) })
	return r.WithContext(ctx), func() {
		stop()
		cancel(nil)
	}
}
