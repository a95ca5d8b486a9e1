package handlers

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// userPlaceholders are the prefixes of placeholders that may identify the user.
var userPlaceholders = []string{
	"http.auth.", "http.vars.", "http.request.header.", "http.request.cookie.",
	"http.request.tls.client.", "http.request.uri.query.", "http.reverse_proxy.",
}

// networkPlaceholders are the prefixes of placeholders that describe the network path
// of a request. The same user may reconnect by another path.
var networkPlaceholders = []string{
	"http.vars.client_ip", "http.vars.trusted_proxy", "http.request.header.X-Forwarded-", "http.request.header.X-Real-Ip",
}

// addRequestIdentity adds the values of placeholders to the socket's identity: the ones
// by which a handler of the connect event keeps the user on the socket.
func addRequestIdentity(ev *hub.Event, source string, keys []string) {
	if len(keys) == 0 || !ev.HasRecovery() {
		return
	}
	for _, key := range keys {
		if !hasAnyPrefix(key, userPlaceholders) || hasAnyPrefix(key, networkPlaceholders) {
			continue
		}
		value, _ := placeholder.Lookup(ev, key)
		ev.AddIdentity(hub.Identity{Source: source + " " + key, Subject: value.Text()})
	}
}

// hasAnyPrefix reports whether a key has one of the prefixes, in any case of letters.
func hasAnyPrefix(key string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}
