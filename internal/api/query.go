package api

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of the number of items in a list.
const (
	defaultLimit = 1000
	maxLimit     = 100_000
)

// parseQuery decodes a query. Unknown keys, and duplicate keys that are no lists, are
// errors.
func parseQuery(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("query: %v", err)
	}
	for key, values := range q {
		if !slices.Contains(known, key) {
			return nil, badRequest("%s: unknown in a query, expected %s", key, cmp.Or(strings.Join(known, ", "), "no key"))
		}
		if len(values) > 1 && key != "in" && key != "except" {
			return nil, badRequest("%s: given twice in the query", key)
		}
		if !utf8.ValidString(strings.Join(values, " ")) {
			return nil, badRequest("%s: invalid UTF-8", key)
		}
	}
	return q, nil
}

func parseScope(q url.Values) scope { return scope{Hub: q.Get("hub"), Namespace: q.Get("namespace")} }

// parseList returns the values of a key, or nil if it is absent. A single empty value is
// an empty list.
func parseList(q url.Values, key string) []string {
	values := q[key]
	if len(values) == 1 && values[0] == "" {
		return []string{}
	}
	return values
}

func parseLimit(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, badRequest("limit: unexpected %q, expected a number from 1 to %d", text, maxLimit)
	}
	return n, nil
}

func parseBool(q url.Values, key string) (bool, error) {
	switch text := q.Get(key); text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, badRequest("%s: unexpected %q, expected true or false", key, text)
	}
}
