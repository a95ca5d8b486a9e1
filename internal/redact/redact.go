// Package redact hides secrets in texts that operators see: headers, queries and the auth of
// handshakes. It knows a secret by the name of its key.
package redact

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Hidden replaces a secret.
const Hidden = "(hidden)"

// maxValue is how many bytes of a value are kept.
const maxValue = 1000

// secretParts are parts of names of secrets, in lower case and without separators.
var secretParts = []string{
	"auth", "token", "secret", "passw", "pwd", "cookie", "credential", "session", "jwt", "apikey",
	"accesskey", "privatekey", "signature", "csrf", "xsrf", "ticket", "bearer",
}

// secretNames are names of secrets that are too short to be parts.
var secretNames = []string{"sid", "key", "pass", "pin", "otp", "sig", "code"}

// IsSecret reports whether the value of a header, a parameter of a query, or a member of an
// object is a secret, judged by its name.
func IsSecret(name string) bool {
	plain := strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(name))
	if slices.Contains(secretNames, plain) {
		return true
	}
	for _, part := range secretParts {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return false
}

// Values returns a copy of headers or of a query, in which secrets are hidden and long values
// are cut. The query of a referer is removed.
func Values(members map[string]string) map[string]string {
	safe := make(map[string]string, len(members))
	for name, value := range members {
		switch {
		case IsSecret(name):
			value = Hidden
		case strings.EqualFold(name, "referer"):
			value, _, _ = strings.Cut(value, "?")
		}
		safe[name] = cutText(value)
	}
	return safe
}

// URL returns a path with its query, in which secrets are hidden. A query that cannot be
// parsed is hidden as a whole.
func URL(text string) string {
	path, query, found := strings.Cut(text, "?")
	if !found {
		return cutText(text)
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, hasValue := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			return cutText(path + "?" + Hidden)
		}
		if hasValue && IsSecret(plain) {
			pairs[i] = name + "=" + Hidden
		}
	}
	return cutText(path + "?" + strings.Join(pairs, "&"))
}

// Auth returns the auth of a connect packet, a JSON object, with all values hidden: an
// operator sees the keys that the client sent.
func Auth(object json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return json.RawMessage(`"` + Hidden + `"`)
	}
	hidden := make(map[string]string, len(members))
	for name := range members {
		hidden[name] = Hidden
	}
	text, _ := json.Marshal(hidden) // strings always encode
	return text
}

// cutText cuts a text to maxValue bytes, between characters.
func cutText(text string) string {
	if len(text) <= maxValue {
		return text
	}
	end := maxValue
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
