package eio

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
)

// maxDigits bounds the length prefixes of V3: no body needs more than ten digits. Other
// forms of a JavaScript number are errors.
const maxDigits = 10

var (
	errMalformedLength = fmt.Errorf("%w: its length is malformed", ErrPacket)
	errShortPacket     = fmt.Errorf("%w: it is shorter than its length says", ErrPacket)
)

// readPayload3 reads a V3 text payload: records of <length>:<packet>. The length counts
// UTF-16 code units, as JavaScript does. Body is valid UTF-8.
func readPayload3(body []byte, yield func(Packet, error) bool) {
	if len(body) == 0 {
		yield(Packet{}, errEmpty)
		return
	}
	for len(body) > 0 {
		record, rest, err := cutRecord3(body)
		if err != nil {
			yield(Packet{}, err)
			return
		}
		body = rest
		if len(record) == 0 {
			continue // "0:" is an empty payload
		}
		p, err := Parse(record, false, V3)
		if !yield(p, err) || err != nil {
			return
		}
	}
}

// cutRecord3 splits the first record off a text payload.
func cutRecord3(body []byte) (record, rest []byte, err error) {
	units, body, err := cutLength(body, '0', ':')
	if err != nil {
		return nil, nil, err
	}
	n, ok := measureUnits(body, units)
	if !ok {
		return nil, nil, errShortPacket
	}
	return body[:n], body[n:], nil
}

// cutLength splits a record's length off a payload: decimal digits, counted from the byte
// zero, and then the byte end. At least length bytes follow, whatever the length counts.
func cutLength(body []byte, zero, end byte) (length int, rest []byte, err error) {
	var n int64 // ten digits exceed 32 bits
	for i, b := range body {
		if b == end && i > 0 {
			rest = body[i+1:]
			if n > int64(len(rest)) {
				return 0, nil, errShortPacket
			}
			return int(n), rest, nil
		}
		digit := b - zero // wraps around below zero
		if digit > 9 || i == maxDigits {
			break
		}
		n = n*10 + int64(digit)
	}
	return 0, nil, errMalformedLength
}

// measureUnits returns the bytes of the given number of UTF-16 code units in text, which is
// valid UTF-8. ok is false if text has fewer units, or if they end inside a surrogate pair.
func measureUnits(text []byte, units int) (n int, ok bool) {
	for units > 0 && n < len(text) {
		if units >= 8 && len(text)-n >= 8 && isASCII8(text[n:]) {
			n, units = n+8, units-8
			continue
		}
		size, cost := measureRune(text[n])
		n, units = n+size, units-cost
	}
	return n, units == 0
}

// countUnits returns the length of text, which is valid UTF-8, in UTF-16 code units.
func countUnits(text []byte) (units int) {
	for n := 0; n < len(text); {
		if len(text)-n >= 8 && isASCII8(text[n:]) {
			n, units = n+8, units+8
			continue
		}
		size, cost := measureRune(text[n])
		n, units = n+size, units+cost
	}
	return units
}

// isASCII8 reports whether the first eight bytes of text are ASCII.
func isASCII8(text []byte) bool {
	return binary.LittleEndian.Uint64(text)&0x8080808080808080 == 0
}

// measureRune returns the bytes in UTF-8 and the code units in UTF-16 of the rune that
// begins with the byte lead.
func measureRune(lead byte) (size, units int) {
	switch {
	case lead < 0x80:
		return 1, 1
	case lead < 0xe0:
		return 2, 1
	case lead < 0xf0:
		return 3, 1
	default:
		return 4, 2 // beyond U+FFFF: a surrogate pair
	}
}

// appendPayload3 appends the message's records of a V3 text payload.
func (m *Message) appendPayload3(dst []byte) []byte {
	dst = strconv.AppendInt(dst, int64(1+countUnits(m.text)), 10)
	dst = append(dst, ':')
	dst = append(dst, m.kind.typeDigit()...)
	dst = append(dst, m.text...)
	for _, a := range m.attachments {
		dst = strconv.AppendInt(dst, int64(len(head3Base64)+base64.StdEncoding.EncodedLen(len(a))), 10)
		dst = append(dst, ':')
		dst = append(dst, head3Base64...)
		dst = base64.StdEncoding.AppendEncode(dst, a)
	}
	return dst
}
