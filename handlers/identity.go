package handlers

import (
	"encoding/json"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// subjectOf returns the user of a verified token: its issuer and subject or, without a
// subject, all claims but those that a newer token of the same user changes.
func subjectOf(claims sio.Data) string {
	var members map[string]json.RawMessage
	_ = claims.Decode(&members) // an object, as it was verified
	var subject string
	if _ = json.Unmarshal(members["sub"], &subject); subject != "" {
		members = map[string]json.RawMessage{"iss": members["iss"], "sub": members["sub"]}
	}
	for _, name := range []string{"exp", "nbf", "iat", "jti"} {
		delete(members, name)
	}
	text, _ := json.Marshal(members) // JSON marshals, in the order of the names
	return string(text)
}

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
		value, _ := Lookup(ev, key)
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

// keys returns the placeholders of the text.
func (t Text) keys() (keys []string) {
	for i := 1; i < len(t.parts); i += 2 {
		keys = append(keys, t.parts[i])
	}
	return keys
}

// keys returns the placeholders of all names.
func (r Rooms) keys() (keys []string) {
	for _, t := range r {
		keys = append(keys, t.keys()...)
	}
	return keys
}

// keys returns the placeholders of the value.
func (v Value) keys() (keys []string) {
	for _, c := range v.cuts {
		keys = append(keys, c.text.keys()...)
	}
	return keys
}
