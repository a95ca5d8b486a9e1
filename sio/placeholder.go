package sio

import (
	"bytes"
	"strconv"
)

// mark is the position of a placeholder: the bytes from start to end stand for
// attachment num.
type mark struct{ start, end, num int }

// appendPlaceholder appends a placeholder with its keys in the order of the official
// encoders.
func appendPlaceholder(dst []byte, num int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(num), 10)
	return append(dst, '}')
}

// placeholder collects the members that make an object a placeholder.
type placeholder struct {
	flagged bool   // "_placeholder" was true once
	keys    int    // members with either name: two in a placeholder, besides other members
	num     []byte // value of "num"
}

// noteMember records a member. It compares the unescaped text of the key: any letter of
// "_placeholder" can be an escape, and clients still recognize the key.
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

// attachmentNumber returns the number of the attachment. It must be plain digits:
// JavaScript also accepts 0.5 and "splice", and returns the array's property of that
// name (CVE-2022-2421). Six digits exceed any limit.
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

// keyEquals reports whether a key, with its quotes, has the text name.
func keyEquals(raw []byte, name string) bool {
	inner := raw[1 : len(raw)-1]
	// An escape is longer than its character in UTF-8, at most six times.
	if len(inner) <= len(name) || len(inner) > 6*len(name) {
		return string(inner) == name && bytes.IndexByte(inner, '\\') < 0
	}
	return bytes.IndexByte(inner, '\\') >= 0 && unquoteJSON(raw) == name && !hasLoneSurrogate(raw)
}
