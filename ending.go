package socketio

import (
	"context"
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

var errEnding = errors.New("the server shuts down")

// ending ends when the process is about to. Caddy waits then for the requests that
// are under way, also for those of former configs, and a stream of emits might never
// end.
var ending, end = context.WithCancelCause(context.Background())

// The admin endpoint is shut down after these functions were called.
func init() { caddy.OnExit(func(context.Context) { end(errEnding) }) }

// endWith ends what lasts when a server shuts down for good, which it does before
// what is registered with Caddy is called.
func endWith(server *caddyhttp.Server) {
	server.RegisterOnShutdown(func() {
		if caddy.Exiting() {
			end(errEnding)
		}
	})
}

// untilEnd returns a request whose context ends with the process, too. The returned
// function is to be called when the request is served.
func untilEnd(r *http.Request) (*http.Request, func()) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(ending, func() { cancel(errEnding) })
	return r.WithContext(ctx), func() {
		stop()
		cancel(nil)
	}
}
