package sio

import (
	"errors"
	"fmt"
)

// Version is a revision of the Socket.IO protocol. It follows from the Engine.IO version
// of a session: 3 carries [V4], 4 carries [V5].
type Version int

// The supported revisions.
const (
	// V4 is the protocol of clients of the 2.x series (and 1.x).
	V4 Version = 4
	// V5 is the protocol of clients of the 3.x and 4.x series.
	V5 Version = 5
)

// Type is the type of a packet; its number is the digit on the wire.
type Type byte

// The packet types, the same in both revisions.
const (
	// Connect requests a socket of a namespace, and confirms it.
	Connect Type = iota
	// Disconnect disconnects the socket from a namespace.
	Disconnect
	// Event has a name and arguments.
	Event
	// Ack acknowledges an Event that has an id.
	Ack
	// ConnectError rejects a Connect. Only servers send it.
	ConnectError
	// BinaryEvent is an Event with attachments. A [Decoder] returns it as Event,
	// because the data shows whether there are attachments.
	BinaryEvent
	// BinaryAck is an Ack with attachments; see BinaryEvent.
	BinaryAck
)

// String returns the protocol's name of the type, such as "BINARY_EVENT".
func (t Type) String() string {
	names := [...]string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("Type(%d)", byte(t))
}

// withoutBinary returns the type of a packet of type t without attachments.
func (t Type) withoutBinary() Type {
	switch t {
	case BinaryEvent:
		return Event
	case BinaryAck:
		return Ack
	default:
		return t
	}
}

// MaxAttachments is the largest number of attachments that [Packet.Encode] accepts.
// Official clients (socket.io-parser 4.2.6, 3.4.4 and 3.3.5 on) close their connection
// on a packet with more.
const MaxAttachments = 10

// Errors to test for with errors.Is.
var (
	// ErrPacket is wrapped by every error of [Decoder.Add], [Packet.Encode] and
	// [Packet.Event]. A server should close the session of a client that causes it.
	ErrPacket = errors.New("invalid socket.io packet")

	// ErrAttachments is wrapped, next to ErrPacket, if a packet has or announces more
	// attachments, or bytes of attachments, than allowed.
	ErrAttachments = errors.New("too many attachments")

	// ErrData is wrapped by every error about a value that is not valid JSON data, or
	// has placeholders that do not match its attachments.
	ErrData = errors.New("invalid data")
)

// Packet is one Socket.IO packet with all its attachments.
type Packet struct {
	// Type is the type of the packet. BinaryEvent and BinaryAck mean the same as Event
	// and Ack.
	Type Type
	// Namespace starts with a slash. Empty means "/".
	Namespace string
	// Query is the urlencoded query, without "?", that a V4 client appends to
	// the namespace of a Connect; empty elsewhere.
	Query string
	// ID is the acknowledgement id, if HasID is set. An Event with an id requests an
	// Ack with the same id.
	ID uint64
	// HasID is set if the packet has an id, which may be 0.
	HasID bool
	// Data is the payload: an array for events and acks, an object (or nothing)
	// for a Connect, nothing for a Disconnect.
	Data Data
	// Offset is encoded as one more argument of an Event, unless it is empty:
	// connection state recovery of clients of version 4.6 and later. It consists
	// of characters that JSON does not escape. A decoded event has it in Data.
	Offset string
}

// Event returns the name of an event, and its arguments as an array with their
// attachments. A name that is a JSON number, which the official parsers admit, is
// returned as the text of the number. Errors wrap ErrPacket; a packet that a [Decoder]
// returned as Event causes none.
func (p Packet) Event() (name string, args Data, err error) {
	if p.Type.withoutBinary() != Event {
		return "", Data{}, fmt.Errorf("%w: %v has no event name", ErrPacket, p.Type)
	}
	s := p.Data.newScanner()
	if !s.openContainer('[') || !s.nextMember(true, ']') || !startsEventName(s.peek()) {
		return "", Data{}, fmt.Errorf("%w: event without a name", ErrPacket)
	}
	from, to, ok := s.scanMember()
	if !ok {
		return "", Data{}, fmt.Errorf("%w: event name: %s", ErrPacket, s.problem)
	}
	name = Data{JSON: p.Data.JSON[from:to]}.Text()
	if !s.nextMember(false, ']') {
		return name, Data{JSON: emptyArray}, s.wrapProblem(ErrPacket)
	}
	rest := p.Data.JSON[s.pos:]
	args.JSON = append(append(make([]byte, 0, len(rest)+1), '['), rest...)
	args.Attachments = p.Data.Attachments
	return name, p.Data.markPart(args), nil
}

// startsEventName reports whether a JSON value that begins with c may be the name of an
// event. Parsers once admitted objects, and called their toString (CVE-2023-32695).
func startsEventName(c byte) bool {
	return c == '"' || c == '-' || '0' <= c && c <= '9'
}
