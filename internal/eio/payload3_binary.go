package eio

import "strconv"

// The marks of a V3 binary payload: the kind of a record, and the end of its length.
const (
	markText   = 0x00
	markBinary = 0x01
	markEnd    = 0xff
)

// readBinaryPayload3 reads a V3 binary payload. A record is a mark, the decimal digits of
// the length as bytes 0 to 9, 0xff and the packet. The length counts bytes. An empty
// payload has no packets and is not an error, because old clients send it.
func readBinaryPayload3(body []byte, yield func(Packet, error) bool) {
	for len(body) > 0 {
		mark := body[0]
		if mark > markBinary {
			yield(Packet{}, errMalformedLength)
			return
		}
		size, rest, err := cutLength(body[1:], 0, markEnd)
		if err != nil {
			yield(Packet{}, err)
			return
		}
		record := rest[:size]
		body = rest[size:]
		if mark == markText {
			record = replaceInvalidUTF8(record)
		}
		p, err := Parse(record, mark == markBinary, V3)
		if !yield(p, err) || err != nil {
			return
		}
	}
}

// appendBinaryPayload3 appends the message's records of a V3 binary payload. The type of a
// text packet is a digit, the type of a binary one a raw byte.
func (m *Message) appendBinaryPayload3(dst []byte) []byte {
	dst = appendBinaryHead3(dst, markText, 1+len(m.text))
	dst = append(dst, m.kind.typeDigit()...)
	dst = append(dst, m.text...)
	for _, a := range m.attachments {
		dst = appendBinaryHead3(dst, markBinary, 1+len(a))
		dst = append(dst, byte(TypeMessage))
		dst = append(dst, a...)
	}
	return dst
}

// appendBinaryHead3 appends the mark and the length of a record.
func appendBinaryHead3(dst []byte, mark byte, size int) []byte {
	dst = append(dst, mark)
	first := len(dst)
	dst = strconv.AppendInt(dst, int64(size), 10)
	for i := first; i < len(dst); i++ {
		dst[i] -= '0'
	}
	return append(dst, markEnd)
}
