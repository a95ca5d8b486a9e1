package sio

import (
	"errors"
	"fmt"
)

// Version is a revision of the Socket.IO protocol. It follows from the
// Engine.IO version of a connection: 3 carries [V4], 4 carries [V5].
type Version int

const (
	// V4 is spoken by clients of the 2.x series (and 1.x).
	V4 Version = 4
	// V5 is spoken by clients of the 3.x and 4.x series.
	V5 Version = 5
)

// Type is the kind of a packet; its number is the digit on the wire.
type Type byte

const (
	// Connect asks for a namespace, and answers that it was entered.
	Connect Type = iota
	// Disconnect leaves a namespace.
	Disconnect
	// Event carries a name and arguments.
	Event
	// Ack answers an Event that had an id.
	Ack
	// ConnectError refuses a namespace. Only servers send it.
	ConnectError
	// BinaryEvent is an Event with attachments. A [Decoder] returns it as
	// Event: whether there are attachments is seen from the data.
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

// withoutBinary returns the type without its binary flavour.
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

// MaxAttachments is the largest number of attachments [Packet.Encode] puts
// into a packet. Official clients (socket.io-parser 4.2.6, 3.4.4 and 3.3.5 on)
// drop their whole connection on a packet with more.
const MaxAttachments = 10

var (
	// ErrPacket is wrapped by every error of [Decoder.Add], [Packet.Encode]
	// and [Packet.Event]. A peer that sends such a packet is to be closed.
	ErrPacket = errors.New("invalid socket.io packet")

	// ErrAttachments is wrapped, next to ErrPacket, where a packet has or
	// announces more attachments, or bytes of attachments, than allowed.
	ErrAttachments = errors.New("too many attachments")

	// ErrData is wrapped by every error about a value that is not valid JSON
	// data, or has placeholders that do not match its attachments.
	ErrData = errors.New("invalid data")
)

// Packet is one Socket.IO packet, complete with its attachments.
type Packet struct {
	// Type is what the packet does. BinaryEvent and BinaryAck mean the same
	// as Event and Ack.
	Type Type
	// Namespace starts with a slash. Empty means "/".
	Namespace string
	// Query is the urlencoded query, without "?", that a V4 client appends to
	// the namespace of a Connect; empty elsewhere.
	Query string
	// ID is the acknowledgement id, where HasID says that there is one:
	// an Event that has one wants an Ack with the same one.
	ID    uint64
	HasID bool
	// Data is the payload: an array for events and acks, an object (or nothing)
	// for a Connect, nothing for a Disconnect.
	Data Data
}

// Event takes an event's payload apart: its name, and its arguments as an
// array with their attachments. A name that is a JSON number, which the
// official parsers admit, is returned as the text of that number. It never
// fails on a packet that a [Decoder] returned as Event.
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
	return name, args, nil
}

// startsEventName tells whether a JSON value that begins with c may name an event.
// Objects were admitted once, and their toString called (CVE-2023-32695).
func startsEventName(c byte) bool {
	return c == '"' || c == '-' || '0' <= c && c <= '9'
}
