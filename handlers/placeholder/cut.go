package placeholder

import (
	"encoding/json"
	"strings"
)

// notInNames are characters that no name of a placeholder has: JSON and templates have
// braces, too.
const notInNames = " \t\n\"'`{:,"

// Cut cuts the placeholder at the beginning of s off. It returns its key, without
// braces but with its default, and the rest.
func Cut(s string) (key, rest string, ok bool) {
	if !strings.HasPrefix(s, "{") {
		return "", "", false
	}
	end := endOfKey(s[1:])
	if end < 1 {
		return "", "", false
	}
	return s[1 : 1+end], s[2+end:], true
}

// endOfKey returns the index of the brace that ends a key, or -1 for text that is no key.
func endOfKey(s string) int {
	if isCountOfRoom(s) {
		return endOfText(s)
	}
	i := strings.IndexAny(s, notInNames+"}")
	switch {
	case i < 1 || s[0] == '.':
		return -1
	case s[i] == '}':
		return i
	case s[i] != ':' || !strings.Contains(s[:i], "."): // {a:1} is an attempt at JSON
		return -1
	}
	n := endOfDefault(s[i+1:])
	if n < 0 {
		return -1
	}
	return i + 1 + n
}

// isCountOfRoom reports whether a key begins with the name of a count of a room, behind
// which any name of a room may stand.
func isCountOfRoom(key string) bool {
	return strings.HasPrefix(key, roomPrefix) || strings.HasPrefix(key, clusterRoomPrefix)
}

// endOfDefault returns the index of the brace behind a default: a JSON value or a text.
func endOfDefault(s string) int {
	d := json.NewDecoder(strings.NewReader(s))
	if d.Decode(new(json.RawMessage)) == nil {
		if i := int(d.InputOffset()); strings.HasPrefix(s[i:], "}") {
			return i
		}
	}
	return endOfText(s)
}

// endOfText returns the index of the brace behind a text in which placeholders may stand,
// or -1.
func endOfText(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '}':
			return i
		case '\n', '"', '`':
			return -1
		case '{':
			_, rest, ok := Cut(s[i:])
			if !ok {
				return -1
			}
			i = len(s) - len(rest) - 1
		}
	}
	return -1
}

// cutDefault cuts the default off a key. ok is false for a key without one.
func cutDefault(key string) (name, text string, ok bool) {
	if isCountOfRoom(key) {
		return cutRoomDefault(key)
	}
	return strings.Cut(key, ":")
}

// IsSimple reports whether a key that [Cut] returned has no default and no placeholder
// inside. Caddy's own replacer finds simple keys only.
func IsSimple(key string) bool {
	_, _, hasDefault := cutDefault(key)
	return !hasDefault && !strings.Contains(key, "{")
}

// cutRoomDefault is cutDefault for the count of a room: the name of a room may have colons.
func cutRoomDefault(key string) (name, text string, ok bool) {
	for i := 0; i < len(key); i++ {
		if key[i] == '{' {
			_, rest, _ := Cut(key[i:]) // endOfText has found it
			i = len(key) - len(rest) - 1
			continue
		}
		for _, kind := range roomCounts {
			if end := i + len(kind.suffix); strings.HasPrefix(key[i:], kind.suffix+":") {
				return key[:end], key[end+1:], true
			}
		}
	}
	return key, "", false
}
