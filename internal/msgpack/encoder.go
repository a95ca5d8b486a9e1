package msgpack

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// AppendData appends d as notepack.io 3 writes the JavaScript value, each
// attachment in place of its placeholder. Integers keep all their digits, of
// which JavaScript would keep 53 bits. The error wraps [ErrInvalid] where d is no
// valid value; then dst is as it was.
func AppendData(dst []byte, d sio.Data) ([]byte, error) {
	e := encoder{text: d.JSON, dst: dst, depth: MaxDepth, attachments: d.Attachments}
	e.value()
	e.space()
	switch {
	case e.why == "" && e.pos < len(e.text):
		e.fail("something after the value")
	case e.why == "" && !utf8.Valid(e.text):
		e.fail("invalid UTF-8")
	}
	if e.why != "" {
		return dst, fmt.Errorf("%w: %s at byte %d of the JSON text", ErrInvalid, e.why, e.pos)
	}
	return e.dst, nil
}

// encoder reads JSON text (RFC 8259) and writes what it says.
type encoder struct {
	text        []byte
	pos         int
	dst         []byte
	depth       int // levels that may still be opened
	attachments [][]byte
	why         string // what is wrong, at pos; empty while all is well
}

func (e *encoder) fail(why string) {
	if e.why == "" {
		e.why = why
	}
}

// value reads one value of any kind.
func (e *encoder) value() {
	e.space()
	switch c := e.peek(); c {
	case '"':
		e.str()
	case '{':
		e.object()
	case '[':
		e.array()
	case 't':
		e.literal("true", 0xc3)
	case 'f':
		e.literal("false", 0xc2)
	case 'n':
		e.literal("null", 0xc0)
	default:
		e.number()
	}
}

func (e *encoder) array() {
	start, n := e.open(), 0
	for e.more(n == 0, ']') {
		e.value()
		n++
	}
	e.close(start, n, 0x90, 0xdc)
}

func (e *encoder) object() {
	start, n := e.open(), 0
	var p placeholder
	for e.more(n == 0, '}') {
		key := len(e.dst)
		e.str()
		value := len(e.dst)
		e.colon()
		from := e.pos
		e.value()
		if e.why == "" {
			p.see(e.dst[key:value], e.text[from:e.pos])
		}
		n++
	}
	if p.is {
		e.attach(start, p)
		return
	}
	e.close(start, n, 0x80, 0xde)
}

// attach replaces what was written since start, a placeholder, by its attachment.
func (e *encoder) attach(start int, p placeholder) {
	e.depth++
	num, err := strconv.ParseUint(string(p.num), 10, 31)
	if err != nil || num >= uint64(len(e.attachments)) {
		e.fail("placeholder without attachment")
		return
	}
	e.dst = AppendBinary(e.dst[:start], e.attachments[num])
}

// placeholder is what an object's members say about its being one.
type placeholder struct {
	is  bool
	num []byte // value of "num", as it stands in the text
}

// see takes note of a member: its key as written, and its value as read.
func (p *placeholder) see(key, value []byte) {
	switch string(key) {
	case "\xac_placeholder":
		p.is = string(value) == "true"
	case "\xa3num":
		p.num = value
	}
}

// open begins an array or object. One byte is kept for its head, whose number
// of members is not known before its end.
func (e *encoder) open() (start int) {
	start = len(e.dst)
	e.dst = append(e.dst, 0)
	e.pos++
	if e.depth--; e.depth < 0 {
		e.fail("nested too deep")
	}
	return start
}

// close writes the head of what began at start.
func (e *encoder) close(start, n int, short, wide byte) {
	e.depth++
	var room [5]byte
	head := appendHead(room[:0], n, short, wide)
	if more := len(head) - 1; more > 0 {
		e.dst = append(e.dst, room[:more]...)
		copy(e.dst[start+len(head):], e.dst[start+1:len(e.dst)-more])
	}
	copy(e.dst[start:], head)
}

// more goes on to the next member of an array or object, past the comma before
// it; or past its end, and returns false.
func (e *encoder) more(first bool, end byte) bool {
	e.space()
	switch c := e.peek(); {
	case e.why != "":
		return false
	case c == end:
		e.pos++
		return false
	case first:
	case c == ',':
		e.pos++
		e.space()
	default:
		e.fail("no comma between members")
		return false
	}
	return true
}

func (e *encoder) colon() {
	e.space()
	if e.peek() != ':' {
		e.fail("no colon after a key")
		return
	}
	e.pos++
	e.space()
}

func (e *encoder) literal(word string, code byte) {
	if rest := e.text[e.pos:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		e.fail("no value")
		return
	}
	e.pos += len(word)
	e.dst = append(e.dst, code)
}

func (e *encoder) space() {
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
