package peer

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// ErrMalformed is wrapped by what says that a message is none that can be
// understood. Some servers and emitters send such; it is to be ignored, or not to be
// sent.
var ErrMalformed = errors.New("malformed message")

// Errors of what can't be sent.
var (
	ErrNoEvent       = fmt.Errorf("%w: an event is an array that begins with its name", ErrMalformed)
	ErrNoServerEvent = fmt.Errorf("%w: an event for servers is an array that begins with a name", ErrMalformed)
)

// Packet types of socket.io-parser. Senders of old say PacketBinaryEvent when there is
// binary in the data, newer ones never, and what clients are sent must follow from
// the data alone: Node's servers pass the type on, and break their clients.
const (
	PacketEvent       = 2
	PacketBinaryEvent = 5
)

// reservedEvents are the events that no server may send to clients.
var reservedEvents = map[string]bool{
	"connect": true, "connect_error": true, "disconnect": true, "disconnecting": true,
	"newListener": true, "removeListener": true,
}

// IsReserved reports whether no server may send an event of that name to clients.
func IsReserved(name string) bool { return reservedEvents[name] }

// IsEvent reports whether data is an array that begins with the name of an event
// that clients may be sent: a string or a number.
func IsEvent(d sio.Data) bool {
	name, ok := d.Index(0)
	if !ok || len(name.JSON) == 0 {
		return false
	}
	c := name.JSON[0]
	return c == '-' || '0' <= c && c <= '9' || c == '"' && !reservedEvents[name.Text()]
}

// IsServerEvent reports whether data is an array that begins with the name of an
// event for servers, and none that they emit to themselves.
func IsServerEvent(d sio.Data) bool {
	first, _ := d.Index(0)
	name := first.Text()
	return bytes.HasPrefix(first.JSON, []byte(`"`)) && name != "connect" && name != "connection" && name != "new_namespace"
}
