package hub

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// EventType distinguishes events of clients from events of a socket's lifecycle.
type EventType string

// The types of events.
const (
	// Connect is handled before the client's connect packet gets its reply. The
	// error of a handler becomes a connect error, and the socket is not connected.
	Connect EventType = "connect"
	// ClientEvent is an event that the client emitted.
	ClientEvent EventType = "event"
	// Disconnecting is handled while the socket is in its rooms.
	Disconnecting EventType = "disconnecting"
	// Disconnect is handled after the socket left its rooms.
	Disconnect EventType = "disconnect"
	// RoomOccupied is handled on one node of the cluster after the first socket joined
	// a room. The event has no socket.
	RoomOccupied EventType = "room_occupied"
	// RoomVacated is handled on one node of the cluster after the last socket left a
	// room. The event has no socket.
	RoomVacated EventType = "room_vacated"
	// Every is handled on one node of the cluster at each multiple of an interval, see
	// [Periodic]. The event has no socket.
	Every EventType = "every"
)

// Event is an event of a socket, one that its client emitted or one of its lifecycle, or
// an event of a namespace, without a socket.
type Event struct {
	// Type is the type of the event.
	Type EventType
	// Name is the event's name as the client sent it, and the type for other
	// types than ClientEvent.
	Name string
	// Socket is the socket that received or has the event. It is nil for RoomOccupied,
	// RoomVacated and Every.
	Socket *Socket
	// Room is the name of the room, for RoomOccupied and RoomVacated. It is empty for
	// other types.
	Room string
	// Args is a JSON array: the arguments of a client's event. It is empty for
	// other types.
	Args sio.Data
	// Reason is why the socket disconnects, in Socket.IO's words. It is empty for
	// other types than Disconnecting and Disconnect.
	Reason string

	ns       *Namespace // of an event without a socket
	ackID    uint64
	wantsAck atomic.Bool // until the acknowledgement is sent
	// readsCounts is true when the rule of the event reads counts, inStep while the
	// goroutine that handles the event holds Namespace.stepMu.
	readsCounts, inStep bool
	parallel            bool  // a parallel rule handles it
	inPlace             bool  // the goroutine that has read it handles it
	size                int   // bytes that its connection is charged for
	arrived             int64 // of a client's event that is queued, a time of readClock
}

// Namespace returns the namespace of the event.
func (ev *Event) Namespace() *Namespace {
	if ev.Socket == nil {
		return ev.ns
	}
	return ev.Socket.ns
}

// handlerContext returns the context of the event's handlers, see [Handler].
func (ev *Event) handlerContext() context.Context {
	switch ev.Type {
	case Connect:
		return &ev.Socket.client.ctx
	case ClientEvent:
		if ev.parallel {
			return ev.Socket.inbox.parallelContext()
		}
		return &ev.Socket.grace.ctx
	}
	return ev.Namespace().hub.ctx
}

// WantsAck reports whether the event has an acknowledgement that was not sent yet.
func (ev *Event) WantsAck() bool { return ev.wantsAck.Load() }

// Ack sends the event's acknowledgement with args, each anything that [sio.Marshal]
// takes. Later calls do nothing, nor does one for an event without an acknowledgement.
// The error says that args can't be sent, or wraps [ErrDisconnected]. If args can't be
// sent, the client gets the acknowledgement {"error": "internal error"} so that its
// callback is called.
func (ev *Event) Ack(args ...any) error {
	data, err := marshalArgs(args)
	if err != nil {
		ev.ackError(internalError)
		return err
	}
	return ev.AckArgs(Args(data))
}

// AckArgs is [Event.Ack] for a list of arguments. It allocates less.
func (ev *Event) AckArgs(args Args) error {
	if !ev.wantsAck.CompareAndSwap(true, false) {
		return nil
	}
	err := ev.sendAck(sio.Data(args))
	if err != nil && !errors.Is(err, ErrDisconnected) {
		_ = ev.sendAck(ackErrorArgs(internalError))
	}
	return err
}

// sendAck sends the acknowledgement packet.
func (ev *Event) sendAck(args sio.Data) error {
	s := ev.Socket
	p := sio.Packet{Type: sio.Ack, Namespace: s.ns.name, ID: ev.ackID, HasID: true, Data: args}
	if !ev.inPlace {
		return s.sendPacket(p)
	}
	m, err := p.Encode(s.client.version, true)
	if err != nil {
		return err
	}
	if !s.sendReply(m) {
		return ErrDisconnected
	}
	return nil
}

// ackError sends the acknowledgement {"error": message}, if none was sent.
func (ev *Event) ackError(message string) {
	if ev.wantsAck.CompareAndSwap(true, false) {
		_ = ev.sendAck(ackErrorArgs(message))
	}
}

// Lookup returns the value of a dotted key: socket.id, socket.namespace, socket.rooms,
// socket.transport, socket.auth.KEY…, socket.data.KEY…, event.name, event.reason,
// event.room, event.args.N.KEY…, event.args.* for the list of all arguments, and
// NAME.KEY… of the values that handlers keep with [Event.SetValue]. The second result is
// false when the event has no such value.
func (ev *Event) Lookup(key string) (sio.Data, bool) { return ev.lookUpParts(strings.Split(key, ".")) }

// LookupPath is [Event.Lookup] for a key that is split already.
func (ev *Event) LookupPath(path Path) (sio.Data, bool) {
	if path.argument >= 0 {
		return ev.Args.Index(path.argument)
	}
	return ev.lookUpParts(path.parts)
}

// lookUpParts is Lookup for the parts of a key.
func (ev *Event) lookUpParts(path []string) (sio.Data, bool) {
	switch {
	case path[0] == "event":
		return ev.lookupEvent(path[1:])
	case ev.Socket == nil:
		return sio.Data{}, false
	case path[0] == "socket":
		return ev.Socket.lookupSocket(path[1:])
	}
	value, ok := ev.Socket.valueOf(path[0])
	if !ok {
		return sio.Data{}, false
	}
	return value.Lookup(path[1:]...)
}

// SetValue keeps a value on the socket for the handlers of this event and of later
// ones, which find it by name with [Event.Lookup]: the claims of a token under "jwt",
// say. Unlike the socket's data it appears in no listing. The name has no dot. For an
// event without a socket it does nothing.
func (ev *Event) SetValue(name string, value sio.Data) {
	if ev.Socket != nil {
		ev.Socket.setValue(name, value)
	}
}

// HasRecovery reports whether the event has a socket that its client may recover:
// identities are needed for that only.
func (ev *Event) HasRecovery() bool { return ev.Socket != nil && ev.Socket.hasRecovery() }

// AddIdentity adds an identity to the identities that a client must have to recover the
// socket. It is called while the connect event is handled. A socket that gets another
// identity afterwards is not recovered. For an event without a socket it does nothing.
func (ev *Event) AddIdentity(id Identity) {
	if ev.Socket != nil {
		ev.Socket.addIdentity(id)
	}
}

// Credentials returns the parts of the client's handshake that an application may know
// its user by: its cookies but for the one that this server sets, its Authorization,
// its query and its auth. It is the Subject of a handler that calls an application. It is
// empty for an event without a socket.
func (ev *Event) Credentials() string {
	if ev.Socket == nil {
		return ""
	}
	return ev.Socket.credentials()
}

// lookupEvent is Lookup for keys that begin with "event.".
func (ev *Event) lookupEvent(path []string) (sio.Data, bool) {
	if len(path) == 0 {
		return sio.Data{}, false
	}
	switch path[0] {
	case "name":
		return jsonText(ev.Name), len(path) == 1
	case "reason":
		return jsonText(ev.Reason), len(path) == 1 && ev.Reason != ""
	case "room":
		return jsonText(ev.Room), len(path) == 1 && ev.Room != ""
	case "args":
		if len(path) == 2 && path[1] == "*" {
			return ev.Args, true
		}
		return ev.Args.Lookup(path[1:]...)
	}
	return sio.Data{}, false
}

// isWholeName reports whether an event's name has no half of a surrogate pair. Names that
// differ in such halves only would be equal for rules and backends.
func isWholeName(name string, payload sio.Data) bool {
	if !strings.ContainsRune(name, utf8.RuneError) {
		return true
	}
	first, _ := payload.Index(0)
	return !first.HasLoneSurrogate()
}
