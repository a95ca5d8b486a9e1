package msgpack

import "strings"

// Array reads the head of an array, and returns the number of members. The caller reads
// them next.
func (r *Reader) Array() int { return r.readContainer(Array) }

// Map reads the head of a map, and returns the number of keys. The caller reads the keys
// next, each followed by its value.
func (r *Reader) Map() int { return r.readContainer(Map) }

// readContainer reads the head of an array or map, and returns its size.
func (r *Reader) readContainer(k Kind) int {
	if r.Kind() != k {
		r.failWith("wrong kind of value")
		return 0
	}
	return r.readHead().size
}

// Text reads a string, or a number as JavaScript's String() formats it. Bytes that are not
// UTF-8 become U+FFFD.
func (r *Reader) Text() string {
	switch h := r.readHead(); h.kind {
	case String:
		return strings.ToValidUTF8(r.takeBytes(h.size), "\uFFFD")
	case Number:
		var room [32]byte
		return string(appendJSONNumber(room[:0], h))
	case Invalid:
		return ""
	}
	r.failWith("wrong kind of value")
	return ""
}

// Int reads a number as an integer. ok is false if it has a fraction or more than 64 bits.
func (r *Reader) Int() (v int64, ok bool) {
	h := r.readHead()
	if h.kind != Number {
		r.failWith("wrong kind of value")
		return 0, false
	}
	if h.float {
		return floatToInt(h)
	}
	v = int64(h.bits)
	return v, v < 0 == h.minus
}

// Bool reads a boolean.
func (r *Reader) Bool() bool {
	h := r.readHead()
	if h.kind != Bool {
		r.failWith("wrong kind of value")
	}
	return h.bits == 1
}

// Skip reads a value and drops it.
func (r *Reader) Skip() {
	for left := 1; left > 0 && r.problem == ""; left-- {
		switch h := r.readHead(); h.kind {
		case Array:
			left += h.size
		case Map:
			left += 2 * h.size
		case String, Binary, Ext:
			r.pos += h.size
		}
	}
}
