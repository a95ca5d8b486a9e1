package sio

import "fmt"

// maxDepth bounds the nesting of any JSON text read here, whatever a
// [Decoder]'s own limit, since the scanner recurses.
const maxDepth = 1000

// scanner checks JSON text (RFC 8259) in one pass without building anything,
// and finds the placeholders in it. It takes text as UTF-8 without looking;
// escapes of lone surrogates pass, as they do in JavaScript.
type scanner struct {
	text        []byte
	pos         int
	depth       int    // levels that may still be opened
	attachments int    // what num must be below
	highest     int    // highest num so far plus one
	dollars     bool   // mark objects whose only key is $binary, too
	marks       []mark // placeholders so far
	why         string // what is wrong, at pos; empty while all is well
}

func (s *scanner) fail(why string) bool {
	if s.why == "" {
		s.why = why
	}
	return false
}

// failure returns what went wrong as an error that wraps sentinel, or nil.
func (s *scanner) failure(sentinel error) error {
	if s.why == "" {
		return nil
	}
	return fmt.Errorf("%w: %s at byte %d of the JSON text", sentinel, s.why, s.pos)
}

// document reads the whole text, which must be one value.
func (s *scanner) document() bool {
	if !s.value() {
		return false
	}
	s.space()
	return s.pos == len(s.text) || s.fail("something after the value")
}

// value reads one value of any kind.
func (s *scanner) value() bool {
	s.space()
	switch c := s.peek(); c {
	case '"':
		return s.str()
	case '{':
		return s.object()
	case '[':
		return s.array()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return s.number()
		}
		return s.fail("no value")
	}
}

func (s *scanner) array() bool {
	if !s.enter('[') {
		return false
	}
	for first := true; s.more(first, ']'); first = false {
		if !s.value() {
			return false
		}
	}
	s.depth++
	return s.why == ""
}

func (s *scanner) object() bool {
	start, before := s.pos, len(s.marks)
	if !s.enter('{') {
		return false
	}
	var p placeholder
	dollar := false
	for first := true; s.more(first, '}'); first = false {
		key, ok := s.key()
		if !ok {
			return false
		}
		from, to, ok := s.member()
		if !ok {
			return false
		}
		p.see(key, s.text[from:to])
		dollar = s.dollars && first && keyIs(key, "$binary")
	}
	s.depth++
	switch {
	case s.why != "":
		return false
	case p.is:
		return s.mark(p, start, before)
	case dollar:
		s.marks = append(s.marks, mark{start: start, end: s.pos, num: len(s.marks)})
	}
	return true
}

// mark notes the placeholder that begins at start and ends here. There were
// before marks when it began: those after it would lie within it.
func (s *scanner) mark(p placeholder, start, before int) bool {
	num, ok := p.number()
	switch {
	case !ok || len(s.marks) != before:
		return s.fail("malformed placeholder")
	case num >= s.attachments:
		return s.fail("placeholder without attachment")
	case num < s.highest && s.marked(num):
		return s.fail("attachment used twice")
	}
	s.highest = max(s.highest, num+1)
	s.marks = append(s.marks, mark{start: start, end: s.pos, num: num})
	return true
}

func (s *scanner) marked(num int) bool {
	for _, m := range s.marks {
		if m.num == num {
			return true
		}
	}
	return false
}

// enter opens an array or object that must stand here. The caller gives the
// level back when it has read it to its end.
func (s *scanner) enter(open byte) bool {
	s.space()
	if s.peek() != open {
		return s.fail("wrong kind of value")
	}
	if s.depth == 0 {
		return s.fail("nested too deep")
	}
	s.depth--
	s.pos++
	return true
}

// more goes on to the next member of the array or object that was entered,
// past the comma before it; or past its end, and returns false.
func (s *scanner) more(first bool, end byte) bool {
	s.space()
	c := s.peek()
	if c == end {
		s.pos++
		return false
	}
	if first {
		return true
	}
	if c != ',' {
		return s.fail("no comma between members")
	}
	s.pos++
	s.space()
	return true
}

// key reads an object's key and colon, and returns the key with its quotes.
func (s *scanner) key() (raw []byte, ok bool) {
	start := s.pos
	if !s.str() {
		return nil, false
	}
	raw = s.text[start:s.pos]
	s.space()
	if s.peek() != ':' {
		return nil, s.fail("no colon after a key")
	}
	s.pos++
	return raw, true
}

// member reads a value and returns where it begins and ends.
func (s *scanner) member() (from, to int, ok bool) {
	s.space()
	from = s.pos
	ok = s.value()
	return from, s.pos, ok
}

func (s *scanner) str() bool {
	if s.peek() != '"' {
		return s.fail("no string")
	}
	for s.pos++; s.pos < len(s.text); s.pos++ {
		c := s.text[s.pos]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		switch {
		case c == '"':
			s.pos++
			return true
		case c < ' ':
			return s.fail("control character in a string")
		case !s.escape():
			return false
		}
	}
	return s.fail("unfinished string")
}

// escape reads from a backslash to the last byte of its escape.
func (s *scanner) escape() bool {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			s.pos++
			if !isHex(s.peek()) {
				return s.fail("malformed escape")
			}
		}
		return true
	default:
		return s.fail("malformed escape")
	}
}

func (s *scanner) number() bool {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > start || s.fail("malformed number")
}

func (s *scanner) literal(word string) bool {
	if rest := s.text[s.pos:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return s.fail("no value")
	}
	s.pos += len(word)
	return true
}

func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the byte here, or 0, which no JSON text has outside of an
// error, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}
