package sio

import "strconv"

// Index returns member i of an array, counted from 0. It returns false if there is no such
// member or the value is not an array.
func (d Data) Index(i int) (Data, bool) {
	s := d.newScanner()
	at, ok := s.findElement(i)
	if !ok {
		return Data{}, false
	}
	return d.extractSpan(at)
}

// Lookup returns the value at path. Each element of path is the key of an object, or
// the index of an array: decimal, from 0, without sign or leading zeros. It returns false if
// there is no such member. If an object has a key twice the last one counts, as in
// JavaScript. A binary value has no members. Without a path, Lookup returns the value
// itself, with only the attachments that have a placeholder, if it is valid.
func (d Data) Lookup(path ...string) (Data, bool) {
	at := span{to: len(d.JSON)}
	for _, step := range path {
		var ok bool
		if at, ok = d.findMember(at, step); !ok {
			return Data{}, false
		}
	}
	return d.extractSpan(at)
}

// span is a part of a JSON text.
type span struct{ from, to int }

// extractSpan returns the value at a span as a Data of its own, if it is valid.
func (d Data) extractSpan(at span) (Data, bool) {
	if d.isChecked() {
		return d.extractPart(at.from, at.to, nil), true
	}
	s := d.newScanner()
	s.pos, s.text = at.from, d.JSON[:at.to]
	if !s.scanDocument() {
		return Data{}, false
	}
	return d.extractPart(at.from, at.to, s.marks), true
}

// findMember returns the member called step of the value at a span.
func (d Data) findMember(at span, step string) (found span, ok bool) {
	s := d.newScanner()
	s.pos, s.text = at.from, d.JSON[:at.to]
	s.skipSpace()
	if s.peek() == '[' {
		index, err := strconv.Atoi(step)
		if err != nil || strconv.Itoa(index) != step {
			return span{}, false
		}
		return s.findElement(index)
	}
	if !s.openContainer('{') {
		return span{}, false
	}
	var p placeholder
	for first := true; s.nextMember(first, '}'); first = false {
		key, valid := s.scanKey()
		if !valid {
			return span{}, false
		}
		from, to, valid := s.scanMember()
		if !valid {
			return span{}, false
		}
		p.noteMember(key, s.text[from:to])
		if keyEquals(key, step) {
			found, ok = span{from, to}, true
		}
	}
	return found, ok && s.problem == "" && !p.flagged
}

// findElement returns the member with an index of the array at the scanner's position.
func (s *scanner) findElement(index int) (span, bool) {
	if !s.openContainer('[') {
		return span{}, false
	}
	for n := 0; s.nextMember(n == 0, ']'); n++ {
		from, to, ok := s.scanMember()
		if !ok {
			return span{}, false
		}
		if n == index {
			return span{from, to}, true
		}
	}
	return span{}, false
}
