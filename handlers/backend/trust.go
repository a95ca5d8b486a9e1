package backend

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// trust is the degree to which a client chooses the value of a placeholder.
type trust uint8

const (
	// ownValue is chosen by the config or by Caddy.
	ownValue trust = iota
	// vouchedValue is chosen by the application, or by the issuer of a token.
	vouchedValue
	// chosenValue is chosen by a client, or by a module that is unknown here.
	chosenValue
)

// ownNames are the placeholders with an ownValue. A name with a dot at the end is a
// prefix. In a backend, the original URI is the path of the socketio handler.
var ownNames = []string{
	"env.", "file.", "system.", "time.",
	"http.reverse_proxy.", // the upstream and its response
	"http.request.orig_uri", "http.request.orig_uri.", "http.request.orig_method", "http.request.method",
	"http.request.local", "http.request.local.", "http.request.scheme", "http.request.proto", "http.request.proto_name",
	"http.request.duration", "http.request.duration_ms", "http.request.uuid",
	"http.shutting_down", "http.time_until_shutdown",
	"http.error.status_code", "http.error.status_text", "http.error.id",
	"http.vars.root", // checked where it is assigned
}

// vouchedNames are the placeholders with a vouchedValue.
var vouchedNames = []string{"jwt.", "socket.data", "socket.data.", "http.auth.user."}

// assigned has the trust of the names to which a config assigns values: the names of
// vars and map in HTTP routes, and socket.data.KEY of the handler set. A name that is
// assigned in several places has the trust of the least trusted value.
type assigned map[string]trust

// lookupTrust returns the trust of the value of a placeholder.
func (a assigned) lookupTrust(name string) trust {
	if t, ok := a[name]; ok {
		return t
	}
	if key, ok := strings.CutPrefix(name, "socket.data."); ok {
		key, _, _ = strings.Cut(key, ".")
		key, _, _ = strings.Cut(key, ":") // a default
		return max(vouchedValue, a["socket.data."+key])
	}
	if name == "socket.data" {
		worst := vouchedValue
		for n, t := range a {
			if strings.HasPrefix(n, "socket.data.") {
				worst = max(worst, t)
			}
		}
		return worst
	}
	return defaultTrust(name)
}

// defaultTrust returns the trust of a placeholder to which no value is assigned. An
// unknown name has a chosenValue.
func defaultTrust(name string) trust {
	is := func(known string) bool {
		return name == known || strings.HasSuffix(known, ".") && strings.HasPrefix(name, known)
	}
	switch {
	case slices.ContainsFunc(ownNames, is), isCountName(name):
		return ownValue
	case slices.ContainsFunc(vouchedNames, is):
		return vouchedValue
	}
	return chosenValue
}

// assignTrust records that a name gets a value with that trust, and reports whether the
// trust of the name has changed.
func (a assigned) assignTrust(name string, t trust) bool {
	if strings.Contains(name, ".") && !strings.HasPrefix(name, "http.vars.") {
		t = max(t, defaultTrust(name)) // Caddy's own value of the name may come first
	}
	if old, ok := a[name]; ok && old >= t {
		return false
	}
	a[name] = t
	return true
}

// worstPlaceholder returns the least trusted placeholder in a text, and its trust. A
// text without placeholders has an ownValue, and exempt names have too.
func (a assigned) worstPlaceholder(text string, exempt ...string) (name string, worstPlaceholder trust) {
	for _, n := range findPlaceholders(text) {
		_, reassigned := a[n]
		if t := a.lookupTrust(n); t > worstPlaceholder && (reassigned || !slices.Contains(exempt, n)) {
			name, worstPlaceholder = n, t
		}
	}
	return name, worstPlaceholder
}

// worstTrust returns the lowest trust in all strings of a JSON value.
func (a assigned) worstTrust(value any) (worst trust) {
	for text := range allStrings(value) {
		_, t := a.worstPlaceholder(text)
		worst = max(worst, t)
	}
	return worst
}

// findPlaceholders returns the names of all placeholders in a text, as Caddy's replacer
// finds them.
func findPlaceholders(text string) (names []string) {
	for i := range len(text) {
		if name, ok := placeholderAt(text, i); ok {
			names = append(names, name)
		}
	}
	return names
}

// placeholderAt returns the name of the placeholder that begins at an index of a text.
// The braces of JSON and of templates begin no placeholder. A brace after a backslash
// stands for itself.
func placeholderAt(text string, i int) (name string, ok bool) {
	if text[i] != '{' || i > 0 && text[i-1] == '\\' {
		return "", false
	}
	name, _, ok = strings.Cut(text[i+1:], "}")
	if !ok || name == "" || strings.Contains(name, "{") || strings.ContainsRune(" \t\r\n\"'`[", rune(name[0])) {
		return "", false
	}
	return name, true
}

// allStrings yields all strings in a JSON value, the keys of objects too.
func allStrings(value any) iter.Seq[string] {
	return func(yield func(string) bool) { yieldStrings(value, yield) }
}

func yieldStrings(value any, yield func(string) bool) bool {
	switch value := value.(type) {
	case string:
		return yield(value)
	case []any:
		for _, member := range value {
			if !yieldStrings(member, yield) {
				return false
			}
		}
	case map[string]any:
		for key, member := range value {
			if !yield(key) || !yieldStrings(member, yield) {
				return false
			}
		}
	}
	return true
}

// followAssignments records all names to which handlers in a config assign values.
// Values may come from names that are assigned elsewhere, so it repeats until nothing
// changes.
func (a assigned) followAssignments(config any, handler func(name string, config map[string]any) (changed bool)) {
	for a.followAssignmentsOnce(config, handler) {
	}
}

func (a assigned) followAssignmentsOnce(config any, handler func(string, map[string]any) bool) (changed bool) {
	switch config := config.(type) {
	case []any:
		for _, member := range config {
			changed = a.followAssignmentsOnce(member, handler) || changed
		}
	case map[string]any:
		if name, ok := config["handler"].(string); ok {
			changed = handler(name, config)
		}
		for _, member := range config {
			changed = a.followAssignmentsOnce(member, handler) || changed
		}
	}
	return changed
}

// followSet records the name to which a handler of events assigns a value.
func (a assigned) followSet(handler string, config map[string]any) (changed bool) {
	key, ok := config["key"].(string)
	return handler == "set" && ok && a.assignTrust("socket.data."+key, a.worstTrust(config["value"]))
}

// followHTTP records the names to which an HTTP handler assigns values.
func (a assigned) followHTTP(handler string, config map[string]any) (changed bool) {
	switch handler {
	case "vars":
		for name, value := range config {
			if name != "handler" && name != "root" {
				changed = a.assignTrust("http.vars."+name, a.worstTrust(value)) || changed
			}
			if name == "http.auth.user.id" { // Caddy sets the placeholder too
				changed = a.assignTrust(name, a.worstTrust(value)) || changed
			}
		}
	case "map":
		changed = a.followMap(config)
	}
	return changed
}

// followMap records the destinations of a map. An output with a match of a regular
// expression is as trusted as the source.
func (a assigned) followMap(config map[string]any) (changed bool) {
	source, t := a.worstTrust(config["source"]), a.worstTrust(config["defaults"])
	mappings, _ := config["mappings"].([]any)
	for _, m := range mappings {
		mapping, _ := m.(map[string]any)
		t = max(t, a.worstTrust(mapping["outputs"]))
		for output := range allStrings(mapping["outputs"]) {
			if strings.Contains(output, "$") {
				t = max(t, source)
			}
		}
	}
	destinations, _ := config["destinations"].([]any)
	for _, d := range destinations {
		if name, ok := d.(string); ok {
			changed = a.assignTrust(strings.Trim(name, "{}"), t) || changed
		}
	}
	return changed
}

// rulesKey is the key of the context value that [WithRules] adds.
type rulesKey struct{}

// rulesContext is the value that [WithRules] adds.
type rulesContext struct {
	path  string
	names assigned
}

// WithRules returns a context for provisioning the handlers of a namespace, whose
// config is given as JSON, on the path of a socketio handler. It has the names of values
// that rules keep on sockets, so that backends know which of them a client chose. Requests
// for events without a socket go to the path. The error says that the JSON is invalid.
func WithRules(ctx caddy.Context, path string, namespace json.RawMessage) (caddy.Context, error) {
	config, err := decodeConfig(namespace)
	if err != nil {
		return ctx, err
	}
	names := make(assigned)
	names.followAssignments(config, names.followSet)
	return ctx.WithValue(rulesKey{}, rulesContext{path, names}), nil
}

// rulesOf returns the path of the socketio handler, and the names socket.data.KEY that
// the rules of a namespace assign.
func rulesOf(ctx caddy.Context) (path string, names assigned) {
	names = make(assigned)
	if rules, ok := ctx.Value(rulesKey{}).(rulesContext); ok {
		path = rules.path
		maps.Copy(names, rules.names)
	}
	return path, names
}
