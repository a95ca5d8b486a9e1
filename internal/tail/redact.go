package tail

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/internal/redact"
)

const (
	// maxMembers is how many members of a list or object a record has, and maxDepth how deep
	// they may be nested.
	maxMembers = 20
	maxDepth   = 5
)

// secretText matches texts that are secrets wherever they stand: JSON web tokens, private keys,
// and values of the header Authorization.
var secretText = regexp.MustCompile(`eyJ[\w-]{8,}\.[\w-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY|^(?i:bearer|basic) \S{8,}|\bsk[-_](?:live|test|proj)?[-_]?\w{12,}`)

// secretEvents are names of events whose arguments are secrets, besides the names above.
var secretEvents = []string{"login", "signin", "signup", "register", "authenticate", "authentication", "authorize", "unlock"}

// redactArgs cuts arguments, and replaces secrets: values of keys with such a name, texts that
// look like one, and all texts of events such as login.
func redactArgs(event string, args []any) []any {
	hideTexts := redact.IsSecret(event) || slices.Contains(secretEvents, redact.PlainName(event))
	return redactList(args, hideTexts, 0)
}

func redactList(list []any, hideTexts bool, depth int) []any {
	out := make([]any, 0, min(len(list), maxMembers)+1)
	for i, v := range list {
		if i == maxMembers {
			return append(out, fmt.Sprintf("… (%d more)", len(list)-i))
		}
		out = append(out, redactValue(v, hideTexts, depth))
	}
	return out
}

func redactValue(v any, hideTexts bool, depth int) any {
	switch v := v.(type) {
	case string:
		if hideTexts || secretText.MatchString(v) {
			return redact.Hidden
		}
		return cutText(v)
	case []any:
		if depth == maxDepth {
			return "…"
		}
		return redactList(v, hideTexts, depth+1)
	case map[string]any:
		if depth == maxDepth {
			return "…"
		}
		return redactObject(v, hideTexts, depth+1)
	}
	return v
}

func redactObject(object map[string]any, hideTexts bool, depth int) map[string]any {
	out := make(map[string]any, min(len(object), maxMembers))
	for i, key := range slices.Sorted(maps.Keys(object)) {
		if i == maxMembers {
			out["…"] = fmt.Sprintf("%d more", len(object)-i)
			break
		}
		if redact.IsSecret(key) {
			out[cutText(key)] = redact.Hidden
		} else {
			out[cutText(key)] = redactValue(object[key], hideTexts, depth)
		}
	}
	return out
}
