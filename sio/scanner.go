package sio

import "fmt"

// maxDepth bounds the nesting of any JSON text, whatever the limit of a [Decoder],
// because the scanner is recursive.
const maxDepth = 1000

// scanner checks JSON text (RFC 8259) in one pass without building a value, and finds the
// placeholders in it. It does not check for UTF-8. Escapes of lone surrogates are valid,
// as in JavaScript.
type scanner struct {
	text        []byte
	pos         int
	depth       int    // levels that may still be opened
	least       int    // the least depth so far
	trusted     bool   // the text was checked
	attachments int    // upper bound of num
	highest     int    // highest num so far plus one
	markDollars bool   // mark objects whose only key is $binary, too
	marks       []mark // placeholders so far
	problem     string // first problem, at pos; empty if there is none
}

// failWith keeps the first problem. It returns false.
func (s *scanner) failWith(why string) bool {
	if s.problem == "" {
		s.problem = why
	}
	return false
}

// wrapProblem returns the problem as an error that wraps sentinel, or nil.
func (s *scanner) wrapProblem(sentinel error) error {
	if s.problem == "" {
		return nil
	}
	return fmt.Errorf("%w: %s at byte %d of the JSON text", sentinel, s.problem, s.pos)
}

// scanDocument scans the whole text, which must be one value.
func (s *scanner) scanDocument() bool {
	if !s.scanValue() {
		return false
	}
	s.skipSpace()
	return s.pos == len(s.text) || s.failWith("something after the value")
}

// scanValue scans one value of any kind.
func (s *scanner) scanValue() bool {
	s.skipSpace()
	switch c := s.peek(); c {
	case '"':
		return s.scanString()
	case '{':
		return s.scanObject()
	case '[':
		return s.scanArray()
	case 't':
		return s.scanLiteral("true")
	case 'f':
		return s.scanLiteral("false")
	case 'n':
		return s.scanLiteral("null")
	default:
		if c == '-' || isDigit(c) {
			return s.scanNumber()
		}
		return s.failWith("no value")
	}
}

// scanArray scans an array.
func (s *scanner) scanArray() bool {
	if !s.openContainer('[') {
		return false
	}
	for first := true; s.nextMember(first, ']'); first = false {
		if !s.scanValue() {
			return false
		}
	}
	s.depth++
	return s.problem == ""
}

// scanObject scans an object, and marks it if it is a placeholder.
func (s *scanner) scanObject() bool {
	start, before := s.pos, len(s.marks)
	if !s.openContainer('{') {
		return false
	}
	var p placeholder
	dollar := false
	for first := true; s.nextMember(first, '}'); first = false {
		key, ok := s.scanKey()
		if !ok {
			return false
		}
		from, to, ok := s.scanMember()
		if !ok {
			return false
		}
		p.noteMember(key, s.text[from:to])
		dollar = s.markDollars && first && keyEquals(key, "$binary")
	}
	s.depth++
	switch {
	case s.problem != "":
		return false
	case p.flagged:
		return s.addMark(p, start, before)
	case dollar:
		s.marks = append(s.marks, mark{start: start, end: s.pos, num: len(s.marks)})
	}
	return true
}

// addMark records the placeholder that begins at start and ends here. There were before
// marks at its beginning: later marks lie within it, which is an error.
func (s *scanner) addMark(p placeholder, start, before int) bool {
	num, ok := p.attachmentNumber()
	switch {
	case !ok || len(s.marks) != before:
		return s.failWith("malformed placeholder")
	case num >= s.attachments:
		return s.failWith("placeholder without attachment")
	case num < s.highest && s.isMarked(num):
		return s.failWith("attachment used twice")
	}
	s.highest = max(s.highest, num+1)
	s.marks = append(s.marks, mark{start: start, end: s.pos, num: num})
	return true
}

// isMarked reports whether there is a placeholder for attachment num.
func (s *scanner) isMarked(num int) bool {
	for _, m := range s.marks {
		if m.num == num {
			return true
		}
	}
	return false
}

// openContainer opens the array or object that must be here. The caller increments depth
// when it has scanned its end.
func (s *scanner) openContainer(open byte) bool {
	s.skipSpace()
	if s.peek() != open {
		return s.failWith("wrong kind of value")
	}
	if s.depth == 0 {
		return s.failWith("nested too deep")
	}
	s.depth--
	s.least = min(s.least, s.depth)
	s.pos++
	return true
}

// nextMember moves to the next member of the open array or object, past the comma before
// it. At the end it moves past it and returns false.
func (s *scanner) nextMember(first bool, end byte) bool {
	s.skipSpace()
	c := s.peek()
	if c == end {
		s.pos++
		return false
	}
	if first {
		return true
	}
	if c != ',' {
		return s.failWith("no comma between members")
	}
	s.pos++
	s.skipSpace()
	return true
}

// scanKey scans an object's key and colon, and returns the key with its quotes.
func (s *scanner) scanKey() (raw []byte, ok bool) {
	start := s.pos
	if !s.scanString() {
		return nil, false
	}
	raw = s.text[start:s.pos]
	s.skipSpace()
	if s.peek() != ':' {
		return nil, s.failWith("no colon after a key")
	}
	s.pos++
	return raw, true
}

// scanMember scans a value and returns its begin and end.
func (s *scanner) scanMember() (from, to int, ok bool) {
	s.skipSpace()
	from = s.pos
	ok = s.scanValue()
	return from, s.pos, ok
}

// scanString scans a string.
func (s *scanner) scanString() bool {
	if s.peek() != '"' {
		return s.failWith("no string")
	}
	if s.trusted {
		s.skipString()
		return true
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
			return s.failWith("control character in a string")
		case !s.scanEscape():
			return false
		}
	}
	return s.failWith("unfinished string")
}

// scanEscape scans from a backslash to the last byte of its escape.
func (s *scanner) scanEscape() bool {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			s.pos++
			if !isHex(s.peek()) {
				return s.failWith("malformed escape")
			}
		}
		return true
	default:
		return s.failWith("malformed escape")
	}
}

// scanNumber scans a number.
func (s *scanner) scanNumber() bool {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.scanDigits() {
		return false
	}
	if s.peek() == '.' {
		s.pos++
		if !s.scanDigits() {
			return false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.scanDigits()
	}
	return true
}

// scanDigits scans one digit or more.
func (s *scanner) scanDigits() bool {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > start || s.failWith("malformed number")
}

// scanLiteral scans true, false or null.
func (s *scanner) scanLiteral(word string) bool {
	if rest := s.text[s.pos:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return s.failWith("no value")
	}
	s.pos += len(word)
	return true
}

// skipSpace moves past white space.
func (s *scanner) skipSpace() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the byte here, or 0 at the end, which valid JSON text does not contain.
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
