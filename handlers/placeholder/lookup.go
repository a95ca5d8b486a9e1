package placeholder

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/caddyserver/caddy/v2"
)

// Lookup returns what a placeholder stands for in an event: what [hub.Event.Lookup]
// knows, else what Caddy knew of the request that opened the connection, else what
// Caddy always knows, {env.*} for instance.
func Lookup(ev *hub.Event, key string) (sio.Data, bool) {
	if value, ok := ev.Lookup(key); ok {
		return value, true
	}
	first, _, _ := strings.Cut(key, ".")
	if first == "socket" || first == "event" {
		return sio.Data{}, false
	}
	var repl *caddy.Replacer
	if q, ok := ev.Socket.Handshake().Context.(openingRequest); ok {
		repl = q.Replacer()
	} else {
		repl = caddy.NewReplacer()
	}
	found, ok := repl.Get(key)
	if !ok || found == nil {
		return sio.Data{}, false
	}
	if text, ok := found.(string); ok {
		return sio.Quote(text), true // with what is not UTF-8: a client may have sent it
	}
	value, err := sio.Marshal(found)
	if err != nil {
		value, err = sio.Marshal(caddy.ToString(found))
	}
	return value, err == nil
}

// Claims is the name that verified claims are kept under.
const Claims = "jwt"

// openingRequest is the request that opened a connection, kept by package
// internal/handshake. The interface keeps Caddy's HTTP server out of the dependencies
// of handlers that need placeholders only.
type openingRequest interface {
	// Replacer returns a new replacer with the placeholders of the request.
	Replacer() *caddy.Replacer
}
