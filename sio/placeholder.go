package sio

import (
	"bytes"
	"strconv"
)

// mark is a placeholder in a text: the bytes from start to end stand for
// attachment num.
type mark struct{ start, end, num int }

// appendPlaceholder appends a placeholder with its keys in the order that the
// official encoders have.
func appendPlaceholder(dst []byte, num int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(num), 10)
	return append(dst, '}')
}

// placeholder is what an object's members say about its being one.
type placeholder struct {
	flagged bool   // "_placeholder" was true once
	keys    int    // members of either name: two in a placeholder, whatever else it has
	num     []byte // value of "num"
}

// noteMember takes note of a member. A key means its unescaped text: any letter of
// "_placeholder" can be written as an escape, and clients would still see it.
func (p *placeholder) noteMember(rawKey, value []byte) {
	switch {
	case keyEquals(rawKey, "_placeholder"):
		p.keys++
		p.flagged = p.flagged || string(value) == "true"
	case keyEquals(rawKey, "num"):
		p.keys++
		p.num = value
	}
}

// attachmentNumber returns the attachment's number. It must be plain digits: JavaScript
// takes 0.5 and "splice" as well, and returns whatever its array has there
// (CVE-2022-2421). Six digits are more than any limit.
func (p *placeholder) attachmentNumber() (int, bool) {
	if p.keys != 2 || len(p.num) == 0 || len(p.num) > 6 {
		return 0, false
	}
	n := 0
	for _, c := range p.num {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// keyEquals tells whether a key, given with its quotes, has the text name.
func keyEquals(raw []byte, name string) bool {
	inner := raw[1 : len(raw)-1]
	// An escape is longer than the UTF-8 of what it stands for, and at most
	// six times as long.
	if len(inner) <= len(name) || len(inner) > 6*len(name) {
		return string(inner) == name && bytes.IndexByte(inner, '\\') < 0
	}
	return bytes.IndexByte(inner, '\\') >= 0 && unquoteJSON(raw) == name && !hasLoneSurrogate(raw)
}
