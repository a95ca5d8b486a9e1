package eio

import (
	"encoding/base64"
	"encoding/binary"
)

// Bits of the first byte of a WebSocket frame (RFC 6455, section 5.2; RSV1 by RFC 7692,
// section 6).
const (
	opText   = 0x01
	opBinary = 0x02
	rsv1     = 0x40 // the message is compressed
	fin      = 0x80 // the frame is a whole message
)

// appendFrameHead appends the head of an unmasked frame that is a whole message, as
// servers send it. The caller appends size bytes next.
func appendFrameHead(dst []byte, op byte, size int) []byte {
	switch {
	case size < 126:
		return append(dst, fin|op, byte(size))
	case size <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, fin|op, 126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, fin|op, 127), uint64(size))
	}
}

// appendFrame appends a frame with head and data.
func appendFrame(dst []byte, op byte, head string, data []byte) []byte {
	dst = appendFrameHead(dst, op, len(head)+len(data))
	dst = append(dst, head...)
	return append(dst, data...)
}

// appendFrames appends the frames of the message, with binary attachments. It writes head
// before each of them.
func (m *Message) appendFrames(dst []byte, head string) []byte {
	dst = appendFrame(dst, opText, m.kind.typeDigit(), m.text)
	for _, a := range m.attachments {
		dst = appendFrame(dst, opBinary, head, a)
	}
	return dst
}

// appendFramesBase64 appends the frames of the message, with each attachment as text:
// head and base64.
func (m *Message) appendFramesBase64(dst []byte, head string) []byte {
	dst = appendFrame(dst, opText, m.kind.typeDigit(), m.text)
	for _, a := range m.attachments {
		dst = appendFrameHead(dst, opText, len(head)+base64.StdEncoding.EncodedLen(len(a)))
		dst = append(dst, head...)
		dst = base64.StdEncoding.AppendEncode(dst, a)
	}
	return dst
}
