package jwt

import (
	"encoding/json"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// subjectOf returns the user of a verified token as JSON: issuer and subject. Without a
// subject it returns all claims, except the ones that change in a newer token of the
// same user.
func subjectOf(claims sio.Data) string {
	var members map[string]json.RawMessage
	_ = claims.Decode(&members) // verified claims are an object
	var subject string
	if _ = json.Unmarshal(members["sub"], &subject); subject != "" {
		members = map[string]json.RawMessage{"iss": members["iss"], "sub": members["sub"]}
	}
	for _, name := range []string{"exp", "nbf", "iat", "jti"} {
		delete(members, name)
	}
	text, _ := json.Marshal(members) // raw JSON always marshals; names are sorted
	return string(text)
}
