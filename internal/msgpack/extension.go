package msgpack

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// Extension types in use. Type 0 is for notepack.io before version 3: undefined (fixext
// 1), Date (fixext 8, milliseconds) and ArrayBuffer (any size, never a fixext).
const (
	extTimestamp  = -1   // of the MessagePack specification: Date of notepack.io 3
	extNotepack   = 0    // see above
	extLiteDate   = 0x0d // msgpack-lite: a number of milliseconds
	extLiteArrays = 0x11 // msgpack-lite: the first of its typed arrays
	extLiteBuffer = 0x1d // msgpack-lite: the last of them
)

// nextIsUndefined reports whether the next value is notepack.io's undefined.
func (r *Reader) nextIsUndefined() bool {
	return r.problem == "" && r.pos+3 <= len(r.message) && r.message[r.pos] == 0xd4 && r.message[r.pos+1] == extNotepack
}

// decodeExt writes an extension value. One of an unknown type becomes an array of the type
// and the bytes, as in notepack.io.
func (d *decoder) decodeExt(h head) {
	data := d.takeBytes(h.size)
	switch {
	case h.ext == extTimestamp && (h.size == 4 || h.size == 8 || h.size == 12):
		d.writeDate(timestampMillis(data))
	case h.ext == extNotepack && h.fixed && h.size == 1:
		d.dst = append(d.dst, "null"...)
	case h.ext == extNotepack && h.fixed && h.size == 8:
		d.writeDate(float64(int64(binary.BigEndian.Uint64([]byte(data)))))
	case h.ext == extLiteDate:
		d.decodeLiteDate(data)
	case h.ext == extNotepack && !h.fixed, extLiteArrays <= h.ext && h.ext <= extLiteBuffer:
		d.writeBinary(data)
	default:
		d.enterContainer()
		d.dst = strconv.AppendInt(append(d.dst, '['), int64(h.ext), 10)
		d.dst = append(d.dst, ',')
		d.writeBinary(data)
		d.dst = append(d.dst, ']')
		d.depth++
	}
}

// timestampMillis returns the milliseconds in a timestamp of 4, 8 or 12 bytes.
func timestampMillis(data string) float64 {
	b := []byte(data)
	switch len(b) {
	case 4:
		return float64(binary.BigEndian.Uint32(b)) * 1e3
	case 8:
		v := binary.BigEndian.Uint64(b)
		return float64(v&(1<<34-1))*1e3 + float64(v>>34)/1e6
	default:
		seconds := int64(binary.BigEndian.Uint64(b[4:]))
		return float64(seconds)*1e3 + float64(binary.BigEndian.Uint32(b))/1e6
	}
}

// decodeLiteDate writes a Date of msgpack-lite.
func (d *decoder) decodeLiteDate(data string) {
	inner := NewReader(data)
	h := inner.readHead()
	if h.kind != Number || inner.End() != nil {
		d.failWith("malformed Date")
		return
	}
	d.writeDate(headFloat(h))
}

// headFloat returns a number as JavaScript stores it.
func headFloat(h head) float64 {
	switch {
	case h.float:
		return math.Float64frombits(h.bits)
	case h.minus:
		return float64(int64(h.bits))
	default:
		return float64(h.bits)
	}
}

// floatToInt returns a float as an integer. ok is false if it is not one.
func floatToInt(h head) (v int64, ok bool) {
	f := math.Float64frombits(h.bits)
	if f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// maxDate is the last time of a JavaScript Date, in milliseconds.
const maxDate = 8.64e15

// writeDate writes a Date as toJSON does: in ISO form, or null if it is invalid.
func (d *decoder) writeDate(ms float64) {
	if ms = math.Trunc(ms); math.IsNaN(ms) || math.Abs(ms) > maxDate {
		d.dst = append(d.dst, "null"...)
		return
	}
	t := time.UnixMilli(int64(ms)).UTC()
	d.dst = append(d.dst, '"')
	if year := t.Year(); year < 0 || year > 9999 {
		d.dst = appendYear(d.dst, year)
	} else {
		d.dst = t.AppendFormat(d.dst, "2006")
	}
	d.dst = t.AppendFormat(d.dst, `-01-02T15:04:05.000Z"`)
}

// appendYear appends a year that needs more than four digits, with its sign.
func appendYear(dst []byte, year int) []byte {
	sign := byte('+')
	if year < 0 {
		sign, year = '-', -year
	}
	dst = append(dst, sign)
	for unit := 100_000; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+year/unit%10))
	}
	return dst
}
