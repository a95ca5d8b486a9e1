package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// escapeRoutes makes the placeholders of events in HTTP handlers those that are
// escaped for where they stand. It refuses routes in which a client would choose
// whom to ask.
func escapeRoutes(routes caddyhttp.RouteList, named map[string]*caddyhttp.Route) (caddyhttp.RouteList, error) {
	config, err := anyOf(routes)
	if err != nil {
		return nil, err
	}
	if err := (escaper{named: named}).walk(config); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	var escaped caddyhttp.RouteList
	err = json.Unmarshal(raw, &escaped)
	return escaped, err
}

// anyOf is a config as it is in JSON.
func anyOf(config any) (value any, err error) {
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// escaper goes through the config of HTTP handlers, and of the named routes that
// they invoke.
type escaper struct {
	named map[string]*caddyhttp.Route
	in    []string // the named routes that it is in
}

func (e escaper) walk(config any) error {
	switch config := config.(type) {
	case []any:
		for _, member := range config {
			if err := e.walk(member); err != nil {
				return err
			}
		}
	case map[string]any:
		inner, err := e.handler(config)
		if err != nil {
			return err
		}
		for _, member := range config {
			if err := inner.walk(member); err != nil {
				return err
			}
		}
	}
	return nil
}

// handler sees to one handler, if the object is one, and returns who goes on inside
// of it.
func (e escaper) handler(config map[string]any) (escaper, error) {
	switch config["handler"] {
	case "rewrite":
		markRewrite(config)
	case "static_response":
		if body, ok := config["body"].(string); ok {
			config["body"] = mark(body, isAny, inJSON, inString)
		}
	case "headers":
		markAll(config["request"], isAny, inHeader)
	case "reverse_proxy":
		if headers, ok := config["headers"].(map[string]any); ok {
			markAll(headers["request"], isAny, inHeader)
		}
		if rewrite, ok := config["rewrite"].(map[string]any); ok {
			markRewrite(rewrite)
		}
		transport, _ := config["transport"].(map[string]any)
		return e, errors.Join(refuse(upstreams, config["upstreams"], config["dynamic_upstreams"]), refuse(root, transport["root"]))
	case "vars", "file_server":
		return e, refuse(root, config["root"])
	case "invoke":
		return e.inline(config)
	}
	return e, nil
}

// markRewrite escapes what becomes part of a path. Caddy escapes what becomes part
// of a query.
func markRewrite(config map[string]any) {
	if uri, ok := config["uri"].(string); ok {
		path, query, found := strings.Cut(uri, "?")
		path = mark(path, isOurs, inPath, inPath)
		if config["uri"] = path; found {
			config["uri"] = path + "?" + query
		}
	}
	for _, key := range []string{"strip_path_prefix", "strip_path_suffix", "uri_substring", "path_regexp"} {
		if value, ok := config[key]; ok {
			config[key] = markAll(value, isOurs, inPath)
		}
	}
}

// markAll marks all strings in a value, and returns it.
func markAll(value any, which func(string) bool, place string) any {
	switch value := value.(type) {
	case string:
		return mark(value, which, place, place)
	case []any:
		for i, member := range value {
			value[i] = markAll(member, which, place)
		}
	case map[string]any:
		for key, member := range value {
			value[key] = markAll(member, which, place)
		}
	}
	return value
}

// What clients never choose.
const (
	upstreams = "the address of an upstream"
	root      = "the root of files"
)

// refuse refuses settings that a client would choose. What was kept as a socket's data
// is the config's own choice, and what a token says its issuer's.
func refuse(what string, settings ...any) error {
	raw, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	for _, name := range chosen.FindAllString(string(raw), -1) {
		if !strings.HasPrefix(name, "{socket.data.") {
			return fmt.Errorf("unexpected %s in %s: a client must not choose it; {socket.data.KEY} and {jwt.CLAIM} may stand there", name, what)
		}
	}
	return nil
}

var chosen = regexp.MustCompile(`\{(?:event|socket)\.[^}]*\}`)

// inline puts a named route where it is invoked: there alone it knows of events.
func (e escaper) inline(config map[string]any) (escaper, error) {
	name, _ := config["name"].(string)
	route := e.named[name]
	if route == nil || len(route.HandlersRaw) == 0 || slices.Contains(e.in, name) {
		return e, nil // Caddy says so, or runs it as it is
	}
	inlined, err := anyOf(route)
	if err != nil {
		return e, err
	}
	delete(config, "name")
	config["handler"], config["routes"] = "subroute", []any{inlined}
	return escaper{named: e.named, in: append(slices.Clone(e.in), name)}, nil
}
