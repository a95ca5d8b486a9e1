// Package redact hides secrets in texts that operators see: headers, queries and the auth of
// handshakes, and arguments of events. It knows a secret by the name of its key.
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

// secretParts are parts of names of secrets, and secretNames whole names, in lower case and
// without separators. Names that are words of an application too, like session or author, are
// secrets in a handshake alone: handshakeParts and handshakeNames.
var (
	secretParts = []string{
		"passw", "passphrase", "passcode", "secret", "token", "apikey", "accesskey", "privatekey", "signingkey", "authorization",
		"cookie", "credential", "sessionid", "cardnumber", "securitycode", "csrf", "xsrf", "jwt", "bearer",
	}
	secretNames    = []string{"auth", "pwd", "pass", "pw", "pin", "otp", "sid", "pid", "cvv", "cvc", "ssn", "iban", "key", "signature"}
	handshakeParts = []string{"auth", "session", "ticket", "signature", "pwd"}
	handshakeNames = []string{"sig", "code"}
)

// IsSecret reports whether a value is a secret, judged by its name: the name of an event, or a
// key of an object.
func IsSecret(name string) bool { return matchName(PlainName(name), secretNames, secretParts) }

// isHandshakeSecret reports whether the value of a header or a parameter of a query is a
// secret, judged by its name.
func isHandshakeSecret(name string) bool {
	name = PlainName(name)
	return matchName(name, secretNames, secretParts) || matchName(name, handshakeNames, handshakeParts)
}

// matchName reports whether a plain name is one of names, or contains one of parts.
func matchName(plain string, names, parts []string) bool {
	return slices.Contains(names, plain) || slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(plain, part) })
}

// PlainName returns the letters and digits of a name, in lower case.
func PlainName(name string) string {
	return strings.Map(func(r rune) rune {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// Cut cuts a text to as many characters as take size bytes in a line of the log, where control
// characters take six.
func Cut(text string, size int) string {
	used := 0
	for at, r := range text {
		switch {
		case r < ' ' || r == utf8.RuneError:
			used += len(`\u0000`)
		case r == '"' || r == '\\':
			used += 2
		default:
			used += utf8.RuneLen(r)
		}
		if used > size {
			return text[:at] + "..."
		}
	}
	return text
}

// Values returns a copy of headers or of a query, in which secrets are hidden and long values
// are cut. The query of a referer is removed.
func Values(members map[string]string) map[string]string {
	safe := make(map[string]string, len(members))
	for name, value := range members {
		switch {
		case isHandshakeSecret(name):
			value = Hidden
		case strings.EqualFold(name, "referer"):
			value, _, _ = strings.Cut(value, "?")
		}
		safe[name] = Cut(value, maxValue)
	}
	return safe
}

// URL returns a path with its query, in which secrets are hidden. A query that cannot be
// parsed is hidden as a whole.
func URL(text string) string {
	path, query, found := strings.Cut(text, "?")
	if !found {
		return Cut(text, maxValue)
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, hasValue := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			return Cut(path+"?"+Hidden, maxValue)
		}
		if hasValue && isHandshakeSecret(plain) {
			pairs[i] = name + "=" + Hidden
		}
	}
	return Cut(path+"?"+strings.Join(pairs, "&"), maxValue)
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
