package msgpack

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// encodeNumber translates a JSON number. As in JavaScript, 1.0 and 10e-1 are the integer 1,
// and a number out of range is infinite.
func (e *encoder) encodeNumber() {
	from := e.pos
	if e.peek() == '-' {
		e.pos++
	}
	zero := e.peek() == '0'
	if n := e.skipDigits(); n == 0 || zero && n > 1 {
		e.failWith("no value")
		return
	}
	integer := true
	if e.peek() == '.' {
		e.pos++
		integer = false
		if e.skipDigits() == 0 {
			e.failWith("malformed number")
			return
		}
	}
	if c := e.peek(); c == 'e' || c == 'E' {
		e.pos++
		integer = false
		if c := e.peek(); c == '+' || c == '-' {
			e.pos++
		}
		if e.skipDigits() == 0 {
			e.failWith("malformed number")
			return
		}
	}
	e.dst = appendNumber(e.dst, e.text[from:e.pos], integer)
}

// skipDigits moves past digits and counts them.
func (e *encoder) skipDigits() int {
	from := e.pos
	for c := e.peek(); '0' <= c && c <= '9'; c = e.peek() {
		e.pos++
	}
	return e.pos - from
}

// appendNumber appends the JSON number text.
func appendNumber(dst, text []byte, integer bool) []byte {
	if integer {
		if v, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return AppendInt(dst, v)
		}
		if v, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return AppendUint(dst, v)
		}
	}
	v, _ := strconv.ParseFloat(string(text), 64) // infinite when out of range
	return AppendFloat(dst, v)
}

// encodeString translates a JSON string.
func (e *encoder) encodeString() {
	if e.peek() != '"' {
		e.failWith("no string")
		return
	}
	from := e.pos + 1
	size, escaped := e.measureString()
	if e.problem != "" {
		return
	}
	e.dst = appendStringHead(e.dst, size)
	text := e.text[from : e.pos-1]
	for escaped {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			break
		}
		r, n := decodeEscape(text[i:])
		e.dst = utf8.AppendRune(append(e.dst, text[:i]...), r)
		text = text[i+n:]
	}
	e.dst = append(e.dst, text...)
}

// measureString moves past a string. It returns the bytes of its text, and whether the
// string contains escapes.
func (e *encoder) measureString() (size int, escaped bool) {
	for e.pos++; e.pos < len(e.text); {
		switch c := e.text[e.pos]; {
		case c == '"':
			e.pos++
			return size, escaped
		case c < ' ':
			e.failWith("control character in a string")
			return 0, false
		case c == '\\':
			r, n := decodeEscape(e.text[e.pos:])
			if n == 0 {
				e.failWith("malformed escape")
				return 0, false
			}
			size, escaped = size+utf8.RuneLen(r), true
			e.pos += n
		default:
			size++
			e.pos++
		}
	}
	e.failWith("unfinished string")
	return 0, false
}

// decodeEscape returns the character of the escape at the beginning of text, and the bytes
// that the escape takes; 0 if it is malformed. Half of a surrogate pair becomes U+FFFD, as
// in JavaScript's UTF-8.
func decodeEscape(text []byte) (r rune, n int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := decodeHexEscape(text)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := decodeHexEscape(text[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// decodeHexEscape reads \uXXXX.
func decodeHexEscape(text []byte) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
