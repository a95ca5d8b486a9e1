package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// checkKeys returns an error for duplicate keys, and for keys in upper case.
// encoding/json takes the last of duplicate keys and ignores case, but a proxy that
// checks the body may read another value. It also refuses half of a surrogate pair in a
// string, except in the arguments.
//
// The text is an object that was decoded before. All known keys consist of small letters
// and underscores.
func checkKeys(text []byte) error {
	var room [16][]byte
	seen := room[:0]
	var parent []byte // the last key of the body itself
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := findStringEnd(text, i)
			quoted := text[i:end]
			i = end - 1
			if string(parent) != "args" && (sio.Data{JSON: quoted}).HasLoneSurrogate() {
				return badRequest("%s: %s has half of a surrogate pair, expected whole characters", cmp.Or(string(parent), "body"), quoted)
			}
			ours := depth == 1 || depth == 2 && string(parent) == "ack"
			if !ours || !bytes.HasPrefix(bytes.TrimLeft(text[end:], " \t\r\n"), []byte(":")) {
				continue // a value, or part of one
			}
			key := unquoteKey(quoted)
			if bytes.ContainsFunc(key, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
				return badRequest("%s: unknown field", key)
			}
			if slices.ContainsFunc(seen, func(other []byte) bool { return bytes.Equal(other, key) }) {
				return badRequest("%s: given twice", key)
			}
			seen = append(seen, key)
			if depth == 1 {
				parent = key
			}
		}
	}
	return nil
}

// findStringEnd returns the index after the string that begins at an index.
func findStringEnd(text []byte, begin int) int {
	i := begin + 1
	for text[i] != '"' {
		if text[i] == '\\' {
			i++
		}
		i++
	}
	return i + 1
}

// unquoteKey returns the text of a quoted JSON string.
func unquoteKey(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it was part of a text that was decoded
	return []byte(text)
}
