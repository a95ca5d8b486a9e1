package msgpack

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"
)

// AppendBool appends a boolean.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 0xc3)
	}
	return append(dst, 0xc2)
}

// AppendInt appends an integer in its shortest form. Integers from 0 have the unsigned
// forms, as in notepack.io.
func AppendInt(dst []byte, v int64) []byte {
	switch {
	case v >= 0:
		return AppendUint(dst, uint64(v))
	case v >= -0x20:
		return append(dst, byte(v))
	case v >= math.MinInt8:
		return append(dst, 0xd0, byte(v))
	case v >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, 0xd1), uint16(v))
	case v >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(v))
	}
}

// AppendUint appends an integer in its shortest form.
func AppendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(dst, byte(v))
	case v <= math.MaxUint8:
		return append(dst, 0xcc, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 0xcf), v)
	}
}

// AppendFloat appends a JavaScript number: as an integer if it is one of 64 bits, otherwise
// as a float64. Beyond 64 bits notepack.io writes wrong integers, but it reads floats.
func AppendFloat(dst []byte, v float64) []byte {
	if v == math.Trunc(v) {
		switch {
		case v >= 0 && v < 1<<64: // and -0
			return AppendUint(dst, uint64(v))
		case v < 0 && v >= math.MinInt64:
			return AppendInt(dst, int64(v))
		}
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(v))
}

// AppendString appends a string. Bytes that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return append(appendStringHead(dst, len(s)), s...)
}

// appendStringHead appends the head of a string of size bytes.
func appendStringHead(dst []byte, size int) []byte {
	switch {
	case size < 0x20:
		return append(dst, 0xa0|byte(size))
	case size <= math.MaxUint8:
		return append(dst, 0xd9, byte(size))
	case size <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(size))
	default:
		return binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(size))
	}
}

// AppendStrings appends an array of strings.
func AppendStrings(dst []byte, list []string) []byte {
	dst = AppendArray(dst, len(list))
	for _, s := range list {
		dst = AppendString(dst, s)
	}
	return dst
}

// AppendBinary appends a binary value.
func AppendBinary(dst, b []byte) []byte {
	switch size := len(b); {
	case size <= math.MaxUint8:
		dst = append(dst, 0xc4, byte(size))
	case size <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xc5), uint16(size))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xc6), uint32(size))
	}
	return append(dst, b...)
}

// AppendArray appends the head of an array of n members. The caller appends them next.
func AppendArray(dst []byte, n int) []byte { return appendHead(dst, n, 0x90, 0xdc) }

// AppendMap appends the head of a map of n keys. The caller appends the keys next, each
// followed by its value.
func AppendMap(dst []byte, n int) []byte { return appendHead(dst, n, 0x80, 0xde) }

// appendHead appends the head of an array or map. Its codes are short, which includes the
// number, and wide, for 16 bits; the code after wide is for 32 bits.
func appendHead(dst []byte, n int, short, wide byte) []byte {
	switch {
	case n < 0x10:
		return append(dst, short|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, wide), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, wide+1), uint32(n))
	}
}
