package placeholder

import (
	"regexp"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/nearest"
)

// Unknown is a placeholder that neither this module nor Caddy has.
type Unknown struct {
	// Key is the placeholder, without braces.
	Key string
	// Nearest is the known placeholder that it probably means, or empty.
	Nearest string
}

// FindUnknown returns the placeholders of a text that probably have no value. Other
// modules may define them: map, for instance. A key of a family that other modules
// extend, like http, is unknown only if it resembles a known one.
func FindUnknown(text string) (list []Unknown) {
	for _, key := range findNames(text) {
		if isListed(ownKeys, key) || isListed(caddyKeys, key) || isNumber(key) {
			continue
		}
		near := nearestKey(key)
		if near == "" && hasFamily(caddyKeys, key) {
			continue
		}
		list = append(list, Unknown{Key: key, Nearest: near})
	}
	return list
}

// findNames returns the names of the placeholders of a text, and of the placeholders
// inside of them.
func findNames(text string) (names []string) {
	_, keys := splitText(text)
	for _, key := range keys {
		name, fallback, _ := cutDefault(key)
		names = append(names, name)
		if room, kind := cutRoom(name); kind != nil {
			names = append(names, findNames(room)...)
		}
		names = append(names, findNames(fallback)...)
	}
	return names
}

// isNumber reports whether a key consists of digits, like the {2} of a regular
// expression.
func isNumber(key string) bool { return strings.Trim(key, "0123456789") == "" }

// otherNames are beginnings of keys that users of Node.js and of Caddyfiles write for
// placeholders of other names. A name that ends with a dot stands for all keys behind it.
var otherNames = []struct{ written, meant string }{
	{"args.", "event.args."},
	{"arg.", "event.args."},
	{"event.data", "event.args.0"},
	{"event.payload", "event.args.0"},
	{"event.message", "event.args.0"},
	{"data.", "socket.data."},
	{"auth.", "socket.auth."},
	{"handshake.auth.", "socket.auth."},
	{"handshake.query.", "http.request.uri.query."},
	{"handshake.headers.", "http.request.header."},
	{"socket.handshake.auth.", "socket.auth."},
	{"socket.handshake.query.", "http.request.uri.query."},
	{"socket.handshake.headers.", "http.request.header."},
	{"socket.handshake.address", "http.request.remote.host"},
	{"socket.request.headers.", "http.request.header."},
	{"process.env.", "env."},
	{"data", "event.args.0"},
	{"message", "event.args.0"},
	{"msg", "event.args.0"},
	{"args", "event.args.*"},
	{"id", "socket.id"},
	{"sid", "socket.id"},
	{"rooms", "socket.rooms"},
	{"reason", "event.reason"},
}

// indexed finds the index of an expression, as in event.args[0] and auth["token"].
var indexed = regexp.MustCompile(`\[["']?(\w+)["']?\]`)

// nearestKey returns the known placeholder that a key probably means, or "".
func nearestKey(key string) string {
	if dotted := indexed.ReplaceAllString(key, ".$1"); dotted != key && (isListed(ownKeys, dotted) || isListed(caddyKeys, dotted)) {
		return dotted
	}
	for _, n := range otherNames {
		rest, ok := strings.CutPrefix(key, n.written)
		if ok && (rest == "" || strings.HasSuffix(n.written, ".")) {
			return n.meant + rest
		}
	}
	best, least := "", 3
	for _, table := range [][]string{ownKeys, caddyKeys} {
		for _, known := range table {
			if meant, mistakes, ok := parsePattern(known).correct(key); ok && mistakes < least {
				best, least = meant, mistakes
			}
		}
	}
	return best
}

// correct returns a key with the fixed parts of the pattern, and the number of mistakes
// in the key's own. ok is false if the key has too many.
func (p keyPattern) correct(key string) (meant string, mistakes int, ok bool) {
	parts := strings.Split(key, ".")
	before, after := strings.Count(p.before, "."), strings.Count(p.after, ".")
	if !p.open {
		if len(parts) != before+1 {
			return "", 0, false
		}
		mistakes = nearest.Distance(key, p.before)
		return p.before, mistakes, mistakes <= nearest.Limit(key)
	}
	if len(parts) <= before+after {
		return "", 0, false
	}
	middle := strings.Join(parts[before:len(parts)-after], ".")
	written := strings.Join(parts[:before], ".") + strings.Join(parts[len(parts)-after:], ".")
	fixed := strings.TrimSuffix(p.before, ".") + strings.TrimPrefix(p.after, ".")
	mistakes = nearest.Distance(written, fixed)
	return p.before + middle + p.after, mistakes, middle != "" && mistakes <= nearest.Limit(written)
}
