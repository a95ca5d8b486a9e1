package eio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
)

// Version is a revision of the Engine.IO protocol: the parameter EIO of a request's query.
type Version int

// The supported revisions.
const (
	V3 Version = 3 // clients 1.x and 2.x
	V4 Version = 4 // clients 3.x and 4.x
)

// Type is the type of a packet; a digit on the wire.
type Type byte

// The packet types, the same in both revisions.
const (
	TypeOpen    Type = iota // "0", server to client: the handshake's JSON
	TypeClose               // "1", either way: closes a polling session
	TypePing                // "2", by the client on V3, by the server on V4; "2probe" by the client
	TypePong                // "3", the reply to a ping; "3probe" by the server
	TypeMessage             // "4", either way: a Socket.IO packet
	TypeUpgrade             // "5", client to server: switches to the probing WebSocket
	TypeNoop                // "6", server to client: completes a poll
)

// typeNames are the protocol's names of the types, by type.
var typeNames = [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}

// String returns the protocol's name of the type, such as "message".
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("Type(%d)", byte(t))
}

// typeDigit returns the digit at the beginning of a text packet of type t.
func (t Type) typeDigit() string { return "0123456"[t : t+1] }

// Prefixes of the data of a binary message. A V4 frame has none.
const (
	head3       = "\x04"
	head3Base64 = "b4"
	head4Base64 = "b"
)

// Packet is one received packet.
type Packet struct {
	// Type is one of the seven types.
	Type Type

	// Binary is set if a message is bytes and not text. Packets of other types are never
	// binary.
	Binary bool

	// Data is the data after the type; it may be empty. It is a part of the input, unless
	// the input was base64.
	Data []byte
}

// ErrPacket is wrapped by all errors of [Parse] and [Packets]: the input is not
// Engine.IO. The session then closes with the reason "parse error".
var ErrPacket = errors.New("invalid engine.io packet")

var (
	errEmpty  = fmt.Errorf("%w: it is empty", ErrPacket)
	errBase64 = fmt.Errorf("%w: its base64 is malformed", ErrPacket)
)

// Parse reads one WebSocket message, binary or text. Text must be valid UTF-8, which the
// WebSocket protocol requires and Parse does not check.
//
// A text message is a digit and data, or base64: "b" and base64 on V4, "b4" and base64 on
// V3, each with or without padding. A client may send base64 even if it did not request
// it.
//
// A binary message is the data itself on V4, and the byte 0x04 and the data on V3. On V3,
// 0x02 is a ping, and an empty message is a packet of [TypeNoop].
func Parse(data []byte, binary bool, v Version) (Packet, error) {
	switch {
	case binary && v == V4:
		return Packet{Type: TypeMessage, Binary: true, Data: data}, nil
	case binary && len(data) == 0:
		return Packet{Type: TypeNoop}, nil
	case binary:
		return newBinaryPacket(data[0], data[1:])
	case len(data) == 0:
		return Packet{}, errEmpty
	case data[0] == 'b':
		return parseBase64(data[1:], v)
	}
	t := Type(data[0] - '0') // wraps around below '0'
	if t > TypeNoop {
		return Packet{}, newTypeError(byte(t))
	}
	return Packet{Type: t, Data: data[1:]}, nil
}

// parseBase64 reads a text message without its "b".
func parseBase64(data []byte, v Version) (Packet, error) {
	kind := byte(TypeMessage)
	if v == V3 {
		if len(data) == 0 {
			return Packet{}, errEmpty
		}
		kind, data = data[0]-'0', data[1:]
	}
	raw, err := decodeBase64(data)
	if err != nil {
		return Packet{}, err
	}
	return newBinaryPacket(kind, raw)
}

// newBinaryPacket returns the packet with a type, as a byte, and data. V3 has binary
// packets of any type; its clients send messages, and may send pings.
func newBinaryPacket(kind byte, data []byte) (Packet, error) {
	switch Type(kind) {
	case TypeMessage:
		return Packet{Type: TypeMessage, Binary: true, Data: data}, nil
	case TypePing:
		return Packet{Type: TypePing, Data: data}, nil
	default:
		return Packet{}, newTypeError(kind)
	}
}

// decodeBase64 reads the standard alphabet, with padding or without. It rejects line
// breaks, which Go's decoder ignores.
func decodeBase64(data []byte) ([]byte, error) {
	encoding := base64.RawStdEncoding
	if len(data)%4 == 0 {
		encoding = base64.StdEncoding
	}
	if bytes.IndexByte(data, '\n') >= 0 || bytes.IndexByte(data, '\r') >= 0 {
		return nil, errBase64
	}
	raw := make([]byte, encoding.DecodedLen(len(data)))
	n, err := encoding.Decode(raw, data)
	if err != nil {
		return nil, errBase64
	}
	return raw[:n], nil
}

// newTypeError returns the error for an unknown type.
func newTypeError(kind byte) error { return fmt.Errorf("%w: type %d is unknown", ErrPacket, kind) }
