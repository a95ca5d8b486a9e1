package msgpack

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Kind is the kind of a value.
type Kind uint8

// The kinds of values. Ext stands for all extension types.
const (
	Invalid Kind = iota // the end, or a byte that begins no value
	Nil
	Bool
	Number
	String
	Binary
	Array
	Map
	Ext
)

// Reader reads one MessagePack message, value by value. After an error its methods return
// zero values, and [Reader.Err] returns the error. Strings are parts of the message; other
// results share no memory with it.
type Reader struct {
	message string
	pos     int
	problem string // first problem, at pos; empty if there is none
}

// NewReader returns a reader of a message.
func NewReader(message string) *Reader { return &Reader{message: message} }

// Err returns the first error so far, or nil. It wraps [ErrInvalid].
func (r *Reader) Err() error {
	if r.problem == "" {
		return nil
	}
	return fmt.Errorf("%w: %s at byte %d", ErrInvalid, r.problem, r.pos)
}

// End returns the first error, or one for bytes after the last value.
func (r *Reader) End() error {
	if r.pos < len(r.message) {
		r.failWith("something after the value")
	}
	return r.Err()
}

// failWith keeps the first problem.
func (r *Reader) failWith(why string) {
	if r.problem == "" {
		r.problem = why
	}
}

// Kind returns the kind of the next value without reading it.
func (r *Reader) Kind() Kind {
	if r.problem != "" || r.pos == len(r.message) {
		return Invalid
	}
	return kindOfByte[r.message[r.pos]]
}

// kindOfByte has the kind of a value by its first byte.
var kindOfByte = func() (kindOfByte [256]Kind) {
	set := func(from, to int, k Kind) {
		for c := from; c <= to; c++ {
			kindOfByte[c] = k
		}
	}
	set(0x00, 0x7f, Number)
	set(0x80, 0x8f, Map)
	set(0x90, 0x9f, Array)
	set(0xa0, 0xbf, String)
	set(0xc0, 0xc0, Nil)
	set(0xc2, 0xc3, Bool)
	set(0xc4, 0xc6, Binary)
	set(0xc7, 0xc9, Ext)
	set(0xca, 0xd3, Number)
	set(0xd4, 0xd8, Ext)
	set(0xd9, 0xdb, String)
	set(0xdc, 0xdd, Array)
	set(0xde, 0xdf, Map)
	set(0xe0, 0xff, Number)
	return kindOfByte
}()

// head is the beginning of a value.
type head struct {
	kind  Kind
	size  int    // bytes of a string, binary or extension; members of an array or map
	ext   int8   // type of an extension
	fixed bool   // the extension has one of the sizes with a code of their own
	float bool   // the number is a float, of these bits; otherwise an integer
	minus bool   // the integer is negative, of these bits
	bits  uint64 // of the number; of a bool, 1 for true
}

// readHead reads the beginning of a value. Only strings, binaries, extensions, arrays and
// maps have more.
func (r *Reader) readHead() (h head) {
	h.kind = r.Kind()
	if h.kind == Invalid {
		r.failWith("no value")
		return h
	}
	c := r.message[r.pos]
	r.pos++
	switch h.kind {
	case Bool:
		h.bits = uint64(c & 1)
	case Number:
		r.readNumberHead(c, &h)
	case String:
		r.readStringHead(c, 0xa0, 0x1f, 0xd9, &h)
	case Binary:
		h.size = r.readCount(1 << (c - 0xc4))
	case Array:
		r.readContainerHead(c, 0xdc, 1, &h)
	case Map:
		r.readContainerHead(c, 0xde, 2, &h)
	case Ext:
		r.readExtHead(c, &h)
	}
	if h.kind == String || h.kind == Binary || h.kind == Ext {
		if h.size > len(r.message)-r.pos {
			r.failWith("value cut off")
			return head{}
		}
	}
	return h
}

// readNumberHead reads a number, whose code is c.
func (r *Reader) readNumberHead(c byte, h *head) {
	switch {
	case c < 0x80:
		h.bits = uint64(c)
	case c >= 0xe0:
		h.bits, h.minus = uint64(int64(int8(c))), true
	case c == 0xca:
		h.bits, h.float = math.Float64bits(float64(math.Float32frombits(uint32(r.readUint(4))))), true
	case c == 0xcb:
		h.bits, h.float = r.readUint(8), true
	case c <= 0xcf:
		h.bits = r.readUint(1 << (c - 0xcc))
	default:
		size := 1 << (c - 0xd0)
		shift := 64 - 8*size
		v := int64(r.readUint(size)<<shift) >> shift // with its sign
		h.bits, h.minus = uint64(v), v < 0
	}
}

// readStringHead reads the size of a string. It is in the code, in the bits of mask, or in
// the 1, 2 or 4 bytes after a code from wide on.
func (r *Reader) readStringHead(c, short, mask, wide byte, h *head) {
	if c < wide {
		h.size = int((c &^ short) & mask)
		return
	}
	h.size = r.readCount(1 << (c - wide))
}

// readContainerHead reads the number of members. Each member has the given number of
// values, of at least one byte.
func (r *Reader) readContainerHead(c, wide byte, values int, h *head) {
	if c < wide {
		h.size = int(c & 0x0f)
	} else {
		h.size = r.readCount(2 << (c - wide))
	}
	if h.size > (len(r.message)-r.pos)/values {
		r.failWith("value cut off")
		h.size = 0
	}
}

// readExtHead reads the size and the type of an extension.
func (r *Reader) readExtHead(c byte, h *head) {
	if c >= 0xd4 {
		h.size, h.fixed = 1<<(c-0xd4), true
	} else {
		h.size = r.readCount(1 << (c - 0xc7))
	}
	h.ext = int8(r.readUint(1))
}

// readCount reads a number of bytes or members. It fits in 31 bits, as an int has on all
// platforms, because no message is longer.
func (r *Reader) readCount(size int) int {
	n := r.readUint(size)
	if n > math.MaxInt32 {
		r.failWith("value cut off")
		return 0
	}
	return int(n)
}

// readUint reads an unsigned integer of 1, 2, 4 or 8 bytes.
func (r *Reader) readUint(size int) uint64 {
	if size > len(r.message)-r.pos {
		r.failWith("value cut off")
		return 0
	}
	var b [8]byte
	copy(b[8-size:], r.message[r.pos:])
	r.pos += size
	return binary.BigEndian.Uint64(b[:])
}

// takeBytes returns the next bytes. The caller has checked that they are there.
func (r *Reader) takeBytes(size int) string {
	s := r.message[r.pos : r.pos+size]
	r.pos += size
	return s
}
