package placeholder

import (
	"fmt"
	"strings"
)

// ownKeys are the placeholders of this module, without braces. A part in capitals stands
// for any text, with dots too. Errors list them in this order.
var ownKeys = []string{
	"socket.id", "socket.namespace", "socket.rooms", "socket.transport", "socket.auth", "socket.auth.KEY",
	"socket.data", "socket.data.KEY", "event.name", "event.args", "event.args.N", "event.args.*", "event.reason", "event.room",
	"room.NAME.size", "namespace.size", "room.NAME.members", "room.NAME.members.size", "cluster.room.NAME.size",
	"cluster.namespace.size",
}

// caddyKeys are the placeholders of Caddy that a config of sockets is likely to use.
// Others exist.
var caddyKeys = []string{
	"jwt.CLAIM", "env.NAME", "file.NAME",
	"http.auth.user.KEY", "http.vars.NAME", "http.request.cookie.NAME", "http.request.header.NAME",
	"http.request.host", "http.request.host.labels.N", "http.request.hostport", "http.request.method", "http.request.port",
	"http.request.proto", "http.request.remote", "http.request.remote.host", "http.request.remote.port", "http.request.scheme",
	"http.request.tls.NAME", "http.request.uri", "http.request.uri.path", "http.request.uri.path.N", "http.request.uri.query",
	"http.request.uri.query.NAME", "http.request.uuid",
	"system.arch", "system.hostname", "system.os", "system.slash", "system.wd",
	"time.now", "time.now.common_log", "time.now.http", "time.now.rfc3339", "time.now.unix", "time.now.unix_ms", "time.now.year",
}

// keyPattern is a placeholder of a table: the text before its part in capitals and the
// text after it.
type keyPattern struct {
	before, after string
	open          bool // it has a part in capitals
}

// parsePattern returns the pattern of a placeholder in a table.
func parsePattern(key string) keyPattern {
	for i, r := range key {
		if 'A' <= r && r <= 'Z' {
			end := i + strings.IndexByte(key[i:]+".", '.')
			return keyPattern{before: key[:i], after: key[end:], open: true}
		}
	}
	return keyPattern{before: key}
}

// match reports whether a key has the pattern.
func (p keyPattern) match(key string) bool {
	if !p.open {
		return key == p.before
	}
	return len(key) > len(p.before)+len(p.after) && strings.HasPrefix(key, p.before) && strings.HasSuffix(key, p.after)
}

// isListed reports whether a table has a key.
func isListed(table []string, key string) bool {
	for _, known := range table {
		if parsePattern(known).match(key) {
			return true
		}
	}
	return false
}

// hasFamily reports whether a key of a table begins with the same part as a key.
func hasFamily(table []string, key string) bool {
	first, _, _ := strings.Cut(key, ".")
	for _, known := range table {
		if family, _, _ := strings.Cut(known, "."); family == first {
			return true
		}
	}
	return false
}

// checkKey refuses a key that begins like one of this module but does not exist. It
// refuses {args.0} too, which no module has. {room} and {namespace} are names that a map
// may have.
func checkKey(key string) error {
	first, _, _ := strings.Cut(key, ".")
	if first != "args" && !hasFamily(ownKeys, key) || isListed(ownKeys, key) || key == "room" || key == "namespace" {
		return nil
	}
	if near := nearestKey(key); near != "" {
		return fmt.Errorf("unknown placeholder {%s}: did you mean {%s}?", key, near)
	}
	var list []string
	for _, known := range ownKeys {
		if hasFamily([]string{known}, key) {
			list = append(list, "{"+known+"}")
		}
	}
	return fmt.Errorf("unknown placeholder {%s}: expected one of %s", key, strings.Join(list, ", "))
}
