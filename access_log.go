package socketio

import (
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// accessLogField is the key of the object that a line of Caddy's access log gets.
const accessLogField = "socketio"

// addLogFields returns a function that describes the session of a request in Caddy's access
// log: a hash of its id, the revision of Engine.IO and the transport. The id itself is a
// secret of the client.
func addLogFields(r *http.Request) func(*engine.Session, string) {
	extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if !ok {
		return nil
	}
	return func(s *engine.Session, transport string) {
		extra.Set(zap.Dict(accessLogField,
			zap.String("session", s.LogID()),
			zap.Int("protocol", int(s.Version())),
			zap.String("transport", transport),
		))
	}
}
