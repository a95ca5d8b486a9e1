package eio

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"iter"
	"unicode/utf8"
)

// separator stands between the packets of a V4 payload. Socket.IO's JSON never
// has it raw.
const separator = 0x1e

// Packets reads the body of one POST, packet by packet. It stops after the
// first error, which comes with a zero Packet; the packets before it are good,
// and have been handed out by then.
//
// On V4, a payload is packets joined by the byte 0x1e. On V3 it is text, in
// which each packet follows its length and a colon; or, with binaryPayload,
// which is what a request's content type application/octet-stream means, a
// sequence of binary records. V4 has no binary payload: it is an error.
//
// Text that is not UTF-8 gets U+FFFD for each wrong byte, so that what one
// client posts can never end the WebSocket of another that it is sent to.
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

// replaceInvalidUTF8 returns text itself when it is valid, as it nearly always is.
func replaceInvalidUTF8(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return bytes.Map(func(r rune) rune { return r }, text)
}

// appendPayload4 appends the message's records of a V4 payload, joined.
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
