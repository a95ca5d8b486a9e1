package msgpack

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Data reads a value as JSON with attachments. The JSON is as JavaScript's JSON.stringify
// writes the value that the official decoders return: a Date is an ISO string, undefined
// is null in an array and omitted from an object, and so on. More than
// [sio.MaxAttachments] binary values are an error, and so are objects that clients take
// for a binary value.
func (r *Reader) Data() sio.Data {
	// Most of a message is text, which grows by little more than commas.
	d := decoder{Reader: r, depth: MaxDepth, dst: make([]byte, 0, (len(r.message)-r.pos)*5/4+16)}
	d.decodeValue()
	if r.problem != "" {
		return sio.Data{}
	}
	return sio.Data{JSON: d.dst, Attachments: d.attachments}
}

// JSON reads a value as plain JSON. A binary value is as JSON.stringify writes a Buffer of
// Node.js: {"type":"Buffer","data":[…]}.
func (r *Reader) JSON() []byte {
	d := decoder{Reader: r, depth: MaxDepth, binaryAsBuffers: true}
	d.decodeValue()
	if r.problem != "" {
		return nil
	}
	return d.dst
}

// decoder translates the values of its Reader to JSON.
type decoder struct {
	*Reader
	dst             []byte
	attachments     [][]byte
	depth           int  // levels that may still be opened
	binaryAsBuffers bool // write binary values as Buffers of Node.js
}

// decodeValue translates one value of any kind.
func (d *decoder) decodeValue() {
	switch h := d.readHead(); h.kind {
	case Nil:
		d.dst = append(d.dst, "null"...)
	case Bool:
		d.dst = strconv.AppendBool(d.dst, h.bits == 1)
	case Number:
		d.dst = appendJSONNumber(d.dst, h)
	case String:
		d.dst = appendQuoted(d.dst, d.takeBytes(h.size))
	case Binary:
		d.writeBinary(d.takeBytes(h.size))
	case Array:
		d.decodeArray(h.size)
	case Map:
		d.decodeMap(h.size)
	case Ext:
		d.decodeExt(h)
	}
}

// enterContainer takes one level of nesting. The caller gives it back.
func (d *decoder) enterContainer() {
	if d.depth--; d.depth < 0 {
		d.failWith("nested too deep")
	}
}

// decodeArray translates an array of n members.
func (d *decoder) decodeArray(n int) {
	d.enterContainer()
	d.dst = append(d.dst, '[')
	for i := 0; i < n && d.problem == ""; i++ {
		if i > 0 {
			d.dst = append(d.dst, ',')
		}
		d.decodeValue()
	}
	d.dst = append(d.dst, ']')
	d.depth++
}

// decodeMap translates a map of n keys. It omits keys whose value is undefined.
func (d *decoder) decodeMap(n int) {
	d.enterContainer()
	d.dst = append(d.dst, '{')
	first := true
	for i := 0; i < n && d.problem == ""; i++ {
		before := len(d.dst)
		if !first {
			d.dst = append(d.dst, ',')
		}
		forged := d.decodeKey()
		if d.nextIsUndefined() {
			d.Skip()
			d.dst = d.dst[:before]
			continue
		}
		d.dst = append(d.dst, ':')
		if forged && d.Kind() == Bool && d.message[d.pos] == 0xc3 && !d.binaryAsBuffers {
			d.failWith("placeholder of a binary value")
		}
		d.decodeValue()
		first = false
	}
	d.dst = append(d.dst, '}')
	d.depth++
}

// decodeKey writes the key of an object, and reports whether it is the key of placeholders
// for binary values.
func (d *decoder) decodeKey() (placeholder bool) {
	switch h := d.readHead(); h.kind {
	case String:
		key := d.takeBytes(h.size)
		d.dst = appendQuoted(d.dst, key)
		return key == "_placeholder"
	case Number:
		d.dst = append(d.dst, '"')
		d.dst = append(appendJSONNumber(d.dst, h), '"')
	default:
		d.failWith("a key that is neither a string nor a number")
	}
	return false
}

// writeBinary writes a binary value.
func (d *decoder) writeBinary(b string) {
	if d.binaryAsBuffers {
		d.writeBuffer(b)
		return
	}
	if len(d.attachments) == sio.MaxAttachments {
		d.failWith("too many binary values")
		return
	}
	d.dst = append(d.dst, `{"_placeholder":true,"num":`...)
	d.dst = append(strconv.AppendInt(d.dst, int64(len(d.attachments)), 10), '}')
	d.attachments = append(d.attachments, []byte(b))
}

// writeBuffer writes a binary value as JSON.stringify writes a Buffer of Node.js.
func (d *decoder) writeBuffer(b string) {
	d.dst = append(d.dst, `{"type":"Buffer","data":[`...)
	for i := range len(b) {
		if i > 0 {
			d.dst = append(d.dst, ',')
		}
		d.dst = strconv.AppendUint(d.dst, uint64(b[i]), 10)
	}
	d.dst = append(d.dst, `]}`...)
}

// appendJSONNumber appends a number as JavaScript writes it, but an integer with all its
// digits.
func appendJSONNumber(dst []byte, h head) []byte {
	switch {
	case h.float:
		return appendJSONFloat(dst, math.Float64frombits(h.bits))
	case h.minus:
		return strconv.AppendInt(dst, int64(h.bits), 10)
	default:
		return strconv.AppendUint(dst, h.bits, 10)
	}
}

// appendJSONFloat appends a float as JavaScript writes it.
func appendJSONFloat(dst []byte, v float64) []byte {
	abs := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return append(dst, "null"...)
	case v == 0:
		return append(dst, '0') // and -0
	case abs >= 1e-6 && abs < 1e21:
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1] // 1e-07 is 1e-7
		dst = dst[:n-1]
	}
	return dst
}

// appendQuoted appends a JSON string as JSON.stringify writes it. Bytes that are not UTF-8
// become U+FFFD.
func appendQuoted(dst []byte, text string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(text[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = appendEscape(append(dst, text[from:i]...), c)
		i += size
		from = i
	}
	return append(append(dst, text[from:]...), '"')
}

// appendEscape appends the escape of a byte that must not be in a JSON string.
func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if c < ' ' {
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(dst, "\uFFFD"...)
}
