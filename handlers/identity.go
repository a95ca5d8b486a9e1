package handlers

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// userPlaceholders begin the names of placeholders that may tell who the user is.
var userPlaceholders = []string{
	"http.auth.", "http.vars.", "http.request.header.", "http.request.cookie.",
	"http.request.tls.client.", "http.request.uri.query.", "http.reverse_proxy.",
}

// networkPlaceholders tell which way a request came: a user may come back another way.
var networkPlaceholders = []string{
	"http.vars.client_ip", "http.vars.trusted_proxy", "http.request.header.X-Forwarded-", "http.request.header.X-Real-Ip",
}

// addRequestIdentity adds to the socket's identity the values of placeholders by which
// a handler of the connect event keeps on the socket who the user is.
func addRequestIdentity(ev *hub.Event, source string, keys []string) {
	if len(keys) == 0 || !ev.HasRecovery() {
		return
	}
	for _, key := range keys {
		if !hasPrefix(key, userPlaceholders) || hasPrefix(key, networkPlaceholders) {
			continue
		}
		value, _ := placeholder.Lookup(ev, key)
		ev.AddIdentity(hub.Identity{Source: source + " " + key, Subject: value.Text()})
	}
}

func hasPrefix(key string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}
