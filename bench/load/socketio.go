package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// SocketIO is the protocol of Socket.IO in the namespace "/". EIO is the version of
// Engine.IO: 4 for clients 3 and 4, 3 for clients 2.
type SocketIO struct{ EIO int }

// Path returns the path of Socket.IO's handshake.
func (p SocketIO) Path(transport string) string {
	return fmt.Sprintf("/socket.io/?EIO=%d&transport=%s", p.EIO, transport)
}

// Greet returns nil: the server sends the first packet.
func (SocketIO) Greet() []byte { return nil }

// Connect returns the packet that connects to the namespace, or nil for Engine.IO 3, whose
// server connects by itself.
func (p SocketIO) Connect() []byte {
	if p.EIO == 3 {
		return nil
	}
	return []byte("40")
}

// Pong returns the reply to a heartbeat.
func (SocketIO) Pong() []byte { return []byte("3") }

// Join returns the event "join".
func (SocketIO) Join(id int, room string) []byte { return appendEvent(id, "join", room, nil) }

// Leave returns the event "leave".
func (SocketIO) Leave(id int, room string) []byte { return appendEvent(id, "leave", room, nil) }

// Echo returns the event "echo", whose acknowledgement has the text.
func (SocketIO) Echo(id int, text []byte) []byte { return appendEvent(id, "echo", "", text) }

// Broadcast returns the event "bcast".
func (SocketIO) Broadcast(id int, room string, payload []byte) []byte {
	return appendEvent(id, "bcast", room, payload)
}

// appendEvent returns an event packet. An empty room and a nil text are left out. An id of 0
// asks for no acknowledgement.
func appendEvent(id int, event, room string, text []byte) []byte {
	packet := append(make([]byte, 0, 40+len(room)+len(text)), "42"...)
	if id > 0 {
		packet = strconv.AppendInt(packet, int64(id), 10)
	}
	packet = append(append(append(packet, `["`...), event...), '"')
	if room != "" {
		packet = append(append(append(packet, `,"`...), room...), '"')
	}
	if text != nil {
		packet = append(append(append(packet, `,"`...), text...), '"')
	}
	return append(packet, ']')
}

var (
	deliveryPrefix = []byte(`42["msg","`)
	deliverySuffix = []byte(`"]`)
)

// Parse reads one packet.
func (p SocketIO) Parse(packet []byte, yield func(Message)) error {
	if payload, ok := bytes.CutPrefix(packet, deliveryPrefix); ok {
		payload, ok = bytes.CutSuffix(payload, deliverySuffix)
		if !ok {
			return fmt.Errorf("parse event: no end in %.60q", packet)
		}
		yield(Message{Kind: Delivered, Payload: payload})
		return nil
	}
	switch {
	case len(packet) == 0:
		return fmt.Errorf("parse packet: it is empty")
	case packet[0] == '0' && p.EIO == 4:
		yield(Message{Kind: Opened})
	case packet[0] == '0' || packet[0] == '3' || packet[0] == '6':
	case packet[0] == '2':
		yield(Message{Kind: Pinged})
	case bytes.HasPrefix(packet, []byte("40")):
		yield(Message{Kind: Connected})
	case bytes.HasPrefix(packet, []byte("43")):
		id, rest := cutInt(packet[2:])
		yield(Message{Kind: Acked, ID: id, Payload: rest})
	default:
		return fmt.Errorf("parse packet: unexpected %.60q", packet)
	}
	return nil
}
