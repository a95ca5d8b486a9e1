package placeholder

import (
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/caddyserver/caddy/v2"
)

// Lookup returns the value of a placeholder in an event, by its name without braces and
// default. It looks for counts like room.NAME.size, then in [hub.Event.Lookup], then in
// Caddy's placeholders of the request that opened the connection, if the event has a
// socket, then in Caddy's global ones, like {env.*}. The second result is false if the
// placeholder has no value.
func Lookup(ev *hub.Event, key string) (sio.Data, bool) {
	if c, err := newCount(key); c != nil && err == nil {
		return c.readFor(ev)
	}
	return lookUpPath(ev, hub.NewPath(key))
}

// lookUpPath is Lookup for a placeholder that is no count.
func lookUpPath(ev *hub.Event, path hub.Path) (sio.Data, bool) {
	if value, ok := ev.LookupPath(path); ok {
		return value, true
	}
	if path.First() == "socket" || path.First() == "event" {
		return sio.Data{}, false
	}
	found, ok := newReplacer(ev).Get(path.String())
	if !ok || found == nil {
		return sio.Data{}, false
	}
	if text, ok := found.(string); ok {
		return sio.Quote(text), true // keeps bytes that are not UTF-8: a client may have sent them
	}
	value, err := sio.Marshal(found)
	if err != nil {
		value, err = sio.Marshal(caddy.ToString(found))
	}
	return value, err == nil
}

// newReplacer returns a replacer with Caddy's placeholders of the request that opened the
// connection of the event's socket, and with the global ones.
func newReplacer(ev *hub.Event) *caddy.Replacer {
	if ev.Socket != nil {
		if q, ok := ev.Socket.Handshake().Context.(openingRequest); ok {
			return q.Replacer()
		}
	}
	return caddy.NewReplacer()
}

// Claims is the first part of {jwt.CLAIM}. The handler jwt keeps the claims of a token
// on the socket under this name, and expressions of the handler require read them by
// it.
const Claims = "jwt"

// openingRequest is the HTTP request that opened a connection. Package
// internal/handshake implements it. The interface keeps Caddy's HTTP server out of the
// dependencies of guests.
type openingRequest interface {
	// Replacer returns a new replacer with the placeholders of the request.
	Replacer() *caddy.Replacer
}
