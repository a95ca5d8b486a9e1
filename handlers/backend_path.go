package handlers

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// inPath begins the names of placeholders that stand in the path of a rewrite.
const inPath = "path."

// placeholder is what a placeholder of a request stands for, beside Caddy's own.
func placeholder(ev *hub.Event, key string) (any, bool) {
	plain, escaped := strings.CutPrefix(key, inPath)
	value, ok := ev.Lookup(plain)
	if escaped {
		return escapePath(value.Text()), ok
	}
	return value.Text(), ok
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

// escapeRewrites makes the event's placeholders in the paths of rewrites those that
// are escaped.
func escapeRewrites(routes caddyhttp.RouteList) (caddyhttp.RouteList, error) {
	raw, err := json.Marshal(routes)
	if err != nil || !bytes.Contains(raw, []byte(`"rewrite"`)) {
		return routes, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var config any
	if err := decoder.Decode(&config); err != nil {
		return nil, err
	}
	escapeRewritesIn(config)
	if raw, err = json.Marshal(config); err != nil {
		return nil, err
	}
	var escaped caddyhttp.RouteList
	return escaped, json.Unmarshal(raw, &escaped)
}

func escapeRewritesIn(config any) {
	switch config := config.(type) {
	case []any:
		for _, member := range config {
			escapeRewritesIn(member)
		}
	case map[string]any:
		if uri, ok := config["uri"].(string); ok && config["handler"] == "rewrite" {
			path, query, found := strings.Cut(uri, "?")
			path = strings.NewReplacer("{event.", "{"+inPath+"event.", "{socket.", "{"+inPath+"socket.").Replace(path)
			if config["uri"] = path; found {
				config["uri"] = path + "?" + query
			}
		}
		for _, member := range config {
			escapeRewritesIn(member)
		}
	}
}
