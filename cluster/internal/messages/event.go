package messages

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// ErrMalformed is wrapped by errors of malformed messages. Some nodes and emitters send
// them. A receiver ignores such a message, and a sender does not send it.
var ErrMalformed = errors.New("malformed message")

// Errors of events that must not be sent.
var (
	ErrNoEvent       = fmt.Errorf("%w: an event is an array that begins with its name", ErrMalformed)
	ErrNoServerEvent = fmt.Errorf("%w: a server-side event is an array that begins with a name", ErrMalformed)
)

// Packet types of socket.io-parser. Old senders use PacketBinaryEvent for data with binary,
// new ones never do. The packet for clients must follow from the data alone: nodes of
// Node.js pass the type on, and a wrong one breaks their clients.
const (
	PacketEvent       = 2
	PacketBinaryEvent = 5
)

// reservedEvents are the events that no node may send to clients.
var reservedEvents = map[string]bool{
	"connect": true, "connect_error": true, "disconnect": true, "disconnecting": true,
	"newListener": true, "removeListener": true,
}

// IsReserved reports whether clients must not be sent an event with this name.
func IsReserved(name string) bool { return reservedEvents[name] }

// IsEvent reports whether data is an array that begins with the name of an event for
// clients: a string that is not reserved, or a number.
func IsEvent(d sio.Data) bool {
	name, ok := d.Index(0)
	if !ok || len(name.JSON) == 0 {
		return false
	}
	c := name.JSON[0]
	return c == '-' || '0' <= c && c <= '9' || c == '"' && !reservedEvents[name.Text()]
}

// IsServerEvent reports whether data is an array that begins with the name of a server-side
// event, except the names that nodes of Node.js emit to themselves.
func IsServerEvent(d sio.Data) bool {
	first, _ := d.Index(0)
	name := first.Text()
	return bytes.HasPrefix(first.JSON, []byte(`"`)) && name != "connect" && name != "connection" && name != "new_namespace"
}
