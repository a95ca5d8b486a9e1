package sio

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// HasLoneSurrogate reports whether a string or a key anywhere in the value has half of
// a surrogate pair, such as "\ud83d". JavaScript's strings may have one, for instance
// where a text was cut inside an emoji, and JSON can escape it, but UTF-8 cannot express
// it. In Go all such halves become the same text, so they must not be in a name.
func (d Data) HasLoneSurrogate() bool { return hasLoneSurrogate(d.JSON) }

// hasLoneSurrogate is HasLoneSurrogate for valid JSON text.
func hasLoneSurrogate(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return false
		}
		r := parseSurrogate(text[i:])
		switch {
		case r == 0:
			text = text[min(i+2, len(text)):] // past the escaped character, or the u
		case utf16.DecodeRune(r, parseSurrogate(text[i+6:])) == utf8.RuneError:
			return true
		default:
			text = text[i+12:]
		}
	}
}

// parseSurrogate returns the half of a pair that is escaped at the beginning of valid
// JSON, or 0.
func parseSurrogate(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil || !utf16.IsSurrogate(rune(n)) {
		return 0
	}
	return rune(n)
}

// Name returns the value as a name, of a room for instance: the text of a string, or a
// number as JavaScript writes it. ok is false for any other value, and for a string
// with half of a surrogate pair, see [Data.HasLoneSurrogate].
func (d Data) Name() (name string, ok bool) {
	text := bytes.TrimSpace(d.JSON)
	switch {
	case len(text) == 0:
		return "", false
	case text[0] == '"':
		return unquoteJSON(text), !hasLoneSurrogate(text)
	case text[0] == '-' || isDigit(text[0]):
		return formatNumber(text), true
	}
	return "", false
}

// Quote returns text as a JSON string. Each byte that is not UTF-8 becomes a lone
// surrogate, so that different texts stay different; see [Data.HasLoneSurrogate].
func Quote(text string) Data {
	if utf8.ValidString(text) {
		return Data{JSON: appendQuoted(make([]byte, 0, len(text)+2), text)}.markChecked(0)
	}
	quoted := []byte{'"'}
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 {
			quoted = strconv.AppendUint(append(quoted, `\u`...), 0xdc00|uint64(text[0]), 16)
		} else {
			char := appendQuoted(nil, text[:n])
			quoted = append(quoted, char[1:len(char)-1]...)
		}
		text = text[n:]
	}
	return Data{JSON: append(quoted, '"')}
}

// unquoteJSON returns the text of a valid JSON string. Escaped lone surrogates
// become U+FFFD.
func unquoteJSON(raw []byte) string {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// formatNumber returns a JSON number as JavaScript writes it, so that 42, 42.0 and 4.2e1
// are the same text. Integers keep all their digits, because ids of other languages have
// more than the 53 bits of JavaScript.
func formatNumber(number []byte) string {
	if !bytes.ContainsAny(number, ".eE") && string(number) != "-0" {
		return string(number)
	}
	v, err := strconv.ParseFloat(string(number), 64)
	if err != nil {
		return string(number) // out of range: Infinity in JavaScript
	}
	if v == 0 {
		return "0" // and -0
	}
	text, _ := json.Marshal(v) // a finite number always marshals, as in JavaScript
	return string(text)
}
