package msgpack

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// AppendData appends d as notepack.io 3 writes the JavaScript value, with each attachment
// in place of its placeholder. Integers keep all their digits; JavaScript would keep 53
// bits. If d is not a valid value, the error wraps [ErrInvalid] and dst is unchanged.
func AppendData(dst []byte, d sio.Data) ([]byte, error) {
	e := encoder{text: d.JSON, dst: dst, depth: MaxDepth, attachments: d.Attachments}
	e.encodeValue()
	e.skipSpace()
	switch {
	case e.problem == "" && e.pos < len(e.text):
		e.failWith("something after the value")
	case e.problem == "" && !utf8.Valid(e.text):
		e.failWith("invalid UTF-8")
	}
	if e.problem != "" {
		return dst, fmt.Errorf("%w: %s at byte %d of the JSON text", ErrInvalid, e.problem, e.pos)
	}
	return e.dst, nil
}

// encoder translates JSON text (RFC 8259) to MessagePack.
type encoder struct {
	text        []byte
	pos         int
	dst         []byte
	depth       int // levels that may still be opened
	attachments [][]byte
	problem     string // first problem, at pos; empty if there is none
}

// failWith keeps the first problem.
func (e *encoder) failWith(why string) {
	if e.problem == "" {
		e.problem = why
	}
}

// encodeValue translates one value of any kind.
func (e *encoder) encodeValue() {
	e.skipSpace()
	switch c := e.peek(); c {
	case '"':
		e.encodeString()
	case '{':
		e.encodeObject()
	case '[':
		e.encodeArray()
	case 't':
		e.encodeLiteral("true", 0xc3)
	case 'f':
		e.encodeLiteral("false", 0xc2)
	case 'n':
		e.encodeLiteral("null", 0xc0)
	default:
		e.encodeNumber()
	}
}

// encodeArray translates an array.
func (e *encoder) encodeArray() {
	start, n := e.openContainer(), 0
	for e.nextMember(n == 0, ']') {
		e.encodeValue()
		n++
	}
	e.closeContainer(start, n, 0x90, 0xdc)
}

// encodeObject translates an object, or replaces a placeholder by its attachment.
func (e *encoder) encodeObject() {
	start, n := e.openContainer(), 0
	var p placeholder
	for e.nextMember(n == 0, '}') {
		key := len(e.dst)
		e.encodeString()
		value := len(e.dst)
		e.skipColon()
		from := e.pos
		e.encodeValue()
		if e.problem == "" {
			p.noteMember(e.dst[key:value], e.text[from:e.pos])
		}
		n++
	}
	if p.flagged {
		e.replaceByAttachment(start, p)
		return
	}
	e.closeContainer(start, n, 0x80, 0xde)
}

// replaceByAttachment replaces the placeholder written since start by its attachment.
func (e *encoder) replaceByAttachment(start int, p placeholder) {
	e.depth++
	num, err := strconv.ParseUint(string(p.num), 10, 31)
	if err != nil || num >= uint64(len(e.attachments)) {
		e.failWith("placeholder without attachment")
		return
	}
	e.dst = AppendBinary(e.dst[:start], e.attachments[num])
}

// placeholder collects the members that make an object a placeholder.
type placeholder struct {
	flagged bool
	num     []byte // value of "num", as it stands in the text
}

// noteMember records a member: its key as MessagePack, and its value as JSON.
func (p *placeholder) noteMember(key, value []byte) {
	switch string(key) {
	case "\xac_placeholder":
		p.flagged = string(value) == "true"
	case "\xa3num":
		p.num = value
	}
}

// openContainer begins an array or object. It reserves one byte for the head, because the
// number of members is not known yet.
func (e *encoder) openContainer() (start int) {
	start = len(e.dst)
	e.dst = append(e.dst, 0)
	e.pos++
	if e.depth--; e.depth < 0 {
		e.failWith("nested too deep")
	}
	return start
}

// closeContainer writes the head of the array or map that began at start.
func (e *encoder) closeContainer(start, n int, short, wide byte) {
	e.depth++
	var room [5]byte
	head := appendHead(room[:0], n, short, wide)
	if more := len(head) - 1; more > 0 {
		e.dst = append(e.dst, room[:more]...)
		copy(e.dst[start+len(head):], e.dst[start+1:len(e.dst)-more])
	}
	copy(e.dst[start:], head)
}

// nextMember moves to the next member of an array or object, past the comma before it. At
// the end it moves past it and returns false.
func (e *encoder) nextMember(first bool, end byte) bool {
	e.skipSpace()
	switch c := e.peek(); {
	case e.problem != "":
		return false
	case c == end:
		e.pos++
		return false
	case first:
	case c == ',':
		e.pos++
		e.skipSpace()
	default:
		e.failWith("no comma between members")
		return false
	}
	return true
}

// skipColon moves past the colon after a key.
func (e *encoder) skipColon() {
	e.skipSpace()
	if e.peek() != ':' {
		e.failWith("no colon after a key")
		return
	}
	e.pos++
	e.skipSpace()
}

// encodeLiteral translates true, false or null.
func (e *encoder) encodeLiteral(word string, code byte) {
	if rest := e.text[e.pos:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		e.failWith("no value")
		return
	}
	e.pos += len(word)
	e.dst = append(e.dst, code)
}

// skipSpace moves past white space.
func (e *encoder) skipSpace() {
	for e.pos < len(e.text) {
		switch e.text[e.pos] {
		case ' ', '\t', '\n', '\r':
			e.pos++
		default:
			return
		}
	}
}

// peek returns the byte here, or 0 at the end.
func (e *encoder) peek() byte {
	if e.pos < len(e.text) {
		return e.text[e.pos]
	}
	return 0
}
