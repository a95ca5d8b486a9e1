package handlers

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/caddyserver/caddy/v2"
)

// The places in HTTP handlers where what a client has chosen could mean more than
// it says. A placeholder that stands in one has the place before its name.
const (
	inPath   = "path."   // of a URI
	inHeader = "header." // the value of a field
	inString = "string." // of JSON
	inJSON   = "json."   // between the strings
)

// escapes make a value harmless in a place.
var escapes = map[string]func(value sio.Data, ok bool) string{
	inPath:   func(value sio.Data, _ bool) string { return escapePath(value.Text()) },
	inHeader: func(value sio.Data, _ bool) string { return strings.Map(printable, value.Text()) },
	inString: func(value sio.Data, _ bool) string { return escapeString(value.Text()) },
	inJSON:   escapeJSON,
}

// placeholder is what a placeholder of a request stands for, beside Caddy's own, which
// repl knows.
func placeholder(ev *hub.Event, repl *caddy.Replacer, key string) (any, bool) {
	dot := strings.IndexByte(key, '.') + 1
	escape, escaped := escapes[key[:dot]]
	if !escaped {
		value, ok := ev.Lookup(key)
		return value.Text(), ok
	}
	place, key := key[:dot], key[dot:]
	if isOurs(key) {
		return escape(ev.Lookup(key)), true
	}
	found, ok := repl.Get(key)
	if !ok {
		return "{" + key + "}", true // it is none at all
	}
	text := caddy.ToString(found)
	if place == inJSON && json.Valid([]byte(text)) {
		return harmless([]byte(text)), true
	}
	value, err := sio.Marshal(text)
	return escape(value, err == nil), true
}

// isOurs reports whether text begins with the name of a placeholder whose value a
// client may have chosen.
func isOurs(text string) bool {
	return strings.HasPrefix(text, "event.") || strings.HasPrefix(text, "socket.") || strings.HasPrefix(text, "jwt.")
}

// escapePath escapes text so that it stays in its place of a path: clients choose
// the names of events, and Caddy's rewrite takes what it puts in for a part of a
// URI. It may have slashes, but doesn't lead out of where it stands.
func escapePath(text string) string {
	escaped := strings.ReplaceAll(url.PathEscape(text), "%2F", "/")
	if !strings.Contains(text, ".") {
		return escaped
	}
	segments := strings.Split(strings.ReplaceAll(escaped, "%5C", "/"), "/")
	for _, s := range segments {
		if s == "." || s == ".." {
			return strings.ReplaceAll(escaped, ".", "%252E")
		}
	}
	return escaped
}

// printable makes spaces of what no header field may have. A request with such a
// field fails, which Caddy takes for a failure of the upstream.
func printable(r rune) rune {
	if r < ' ' || r == '\x7f' {
		return ' '
	}
	return r
}

// escapeString escapes text for its place in a string of JSON, which a template may
// be made of.
func escapeString(text string) string {
	quoted, _ := json.Marshal(text) // a string always marshals
	return harmless(quoted[1 : len(quoted)-1])
}

// escapeJSON is the value as JSON, null where there is none.
func escapeJSON(value sio.Data, ok bool) string {
	if !ok {
		return "null"
	}
	raw, err := value.MarshalJSON()
	if err != nil {
		return "null"
	}
	return harmless(raw)
}

// harmless makes JSON that is no template.
func harmless(raw []byte) string { return strings.ReplaceAll(string(raw), "{{", `{\u007b`) }

// isAny reports whether text begins with the name of any placeholder.
func isAny(text string) bool {
	_, _, ok := cutKey("{" + text)
	return ok
}

// mark puts the place before the names of placeholders, which may be another inside
// double quotes. What has two braces is part of a template.
func mark(text string, which func(string) bool, place, quotedPlace string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text): // what follows stands for itself
			b.WriteByte(c)
			i++
		case c == '"':
			quoted = !quoted
		case c == '{' && (isOurs(text[i+1:]) || !strings.HasSuffix(text[:i], "{") && which(text[i+1:])):
			if b.WriteByte(c); quoted {
				b.WriteString(quotedPlace)
			} else {
				b.WriteString(place)
			}
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
