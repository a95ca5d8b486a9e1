package jwt

import (
	"encoding/json"

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
