package eio

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"iter"
	"unicode/utf8"
)

// separator is the byte between the packets of a V4 payload. Socket.IO's JSON never
// contains it.
const separator = 0x1e

// Packets reads the body of one POST, packet by packet. It stops after the first error,
// which comes with a zero Packet; the packets before it are valid.
//
// On V4, a payload is packets joined by the byte 0x1e. On V3 it is text, in which each
// packet follows its length and a colon. With binaryPayload, for requests with the content
// type application/octet-stream, it is a sequence of binary records. On V4 a binary
// payload is an error.
//
// In text, U+FFFD replaces each byte that is not UTF-8. Otherwise a client could post text
// that closes the WebSocket of another client that receives it.
func Packets(body []byte, binaryPayload bool, v Version) iter.Seq2[Packet, error] {
	return func(yield func(Packet, error) bool) {
		switch {
		case v == V4 && binaryPayload:
			yield(Packet{}, fmt.Errorf("%w: a binary payload on revision 4", ErrPacket))
		case v == V4:
			readPayload4(replaceInvalidUTF8(body), yield)
		case binaryPayload:
			readBinaryPayload3(body, yield)
		default:
			readPayload3(replaceInvalidUTF8(body), yield)
		}
	}
}

// readPayload4 reads a V4 payload: packets joined by 0x1e. Body is valid UTF-8.
func readPayload4(body []byte, yield func(Packet, error) bool) {
	for more := true; more; {
		var record []byte
		record, body, more = bytes.Cut(body, []byte{separator})
		p, err := Parse(record, false, V4)
		if !yield(p, err) || err != nil {
			return
		}
	}
}

// replaceInvalidUTF8 returns text itself if it is valid, as it nearly always is.
func replaceInvalidUTF8(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return bytes.Map(func(r rune) rune { return r }, text)
}

// appendPayload4 appends the message's records of a V4 payload, with separators.
func (m *Message) appendPayload4(dst []byte) []byte {
	dst = append(dst, m.kind.typeDigit()...)
	dst = append(dst, m.text...)
	for _, a := range m.attachments {
		dst = append(dst, separator)
		dst = append(dst, head4Base64...)
		dst = base64.StdEncoding.AppendEncode(dst, a)
	}
	return dst
}
