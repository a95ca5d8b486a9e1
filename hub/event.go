package hub

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// EventType tells a client's events from those of a socket's life.
type EventType string

// The types of events.
const (
	// Connect is handled before the client's connect packet is answered. A
	// handler that fails turns it into a connect error, and the socket never
	// exists.
	Connect EventType = "connect"
	// ClientEvent is an event that the client emitted.
	ClientEvent EventType = "event"
	// Disconnecting comes while the socket is still in its rooms.
	Disconnecting EventType = "disconnecting"
	// Disconnect comes after the socket left its rooms.
	Disconnect EventType = "disconnect"
)

// Event is something that happened to a socket.
type Event struct {
	// Type tells what kind of event it is.
	Type EventType
	// Name is the event's name as the client sent it; for the other types it
	// is the type's.
	Name string
	// Socket is the socket that it happened to.
	Socket *Socket
	// Args is a JSON array: the arguments of a client's event, empty for the
	// other types.
	Args sio.Data
	// Reason says why a socket disconnects, in Socket.IO's words, on the
	// types Disconnecting and Disconnect.
	Reason string

	ackID    uint64
	wantsAck atomic.Bool
}

// handlerContext is what the handlers of the event get.
func (ev *Event) handlerContext() context.Context {
	switch ev.Type {
	case Connect:
		return ev.Socket.client.ctx
	case ClientEvent:
		return ev.Socket.lingering.context(ev.Socket.ns.hub.ctx)
	}
	return ev.Socket.ns.hub.ctx
}

// WantsAck reports whether the client asked for an acknowledgement that was not
// given yet.
func (ev *Event) WantsAck() bool { return ev.wantsAck.Load() }

// Ack answers the client's acknowledgement with args, each anything that
// [sio.Marshal] takes. Only the first call for an event that asked for one does
// something. The error says that args can't be sent; the client is then answered with the
// acknowledgement {"error": MESSAGE}, as its callback would wait for ever.
func (ev *Event) Ack(args ...any) error {
	data, err := marshalArgs(args)
	if err != nil {
		ev.ackError(internalError)
		return err
	}
	if !ev.wantsAck.CompareAndSwap(true, false) {
		return nil
	}
	err = ev.sendAck(data)
	if err != nil && !errors.Is(err, ErrDisconnected) {
		_ = ev.sendAck(ackErrorArgs(internalError))
	}
	return err
}

func (ev *Event) sendAck(args sio.Data) error {
	return ev.Socket.sendPacket(sio.Packet{Type: sio.Ack, Namespace: ev.Socket.ns.name, ID: ev.ackID, HasID: true, Data: args})
}

// ackError acknowledges with an error that the client may read.
func (ev *Event) ackError(message string) {
	if ev.wantsAck.CompareAndSwap(true, false) {
		_ = ev.sendAck(ackErrorArgs(message))
	}
}

// Lookup returns what a dotted key names in the event: socket.id,
// socket.namespace, socket.rooms, socket.transport, socket.auth.KEY…,
// socket.data.KEY…, event.name, event.reason, event.args.N.KEY…, event.args.*
// for the list of all arguments, and KEY… of the values that handlers keep by
// name with [Event.SetValue]. The second result is false when the key names
// nothing, or something that this event does not have.
func (ev *Event) Lookup(key string) (sio.Data, bool) {
	path := splitKey(key)
	switch path[0] {
	case "socket":
		return ev.Socket.lookupSocket(path[1:])
	case "event":
		return ev.lookupEvent(path[1:])
	}
	value, ok := ev.Socket.value(path[0])
	if !ok {
		return sio.Data{}, false
	}
	return value.Lookup(path[1:]...)
}

// SetValue keeps a value on the socket for the handlers of this event and of later
// ones, which find it by name with [Event.Lookup]: the claims of a token under "jwt",
// say. Unlike the socket's data it appears in no listing. The name has no dot.
func (ev *Event) SetValue(name string, value sio.Data) { ev.Socket.setValue(name, value) }

// HasRecovery reports whether the socket's client may recover it: identities are
// needed for that only.
func (ev *Event) HasRecovery() bool { return ev.Socket.hasRecovery() }

// AddIdentity adds an identity to the ones that a client must present to recover the
// socket. It is called while the connect event is handled. A socket that gets another
// identity afterwards is not recovered.
func (ev *Event) AddIdentity(id Identity) { ev.Socket.addIdentity(id) }

// Credentials returns the parts of the client's handshake that an application may know
// its user by: its cookies but for the one that this server sets, its Authorization,
// its query and its auth. It is the Subject of a handler that asks an application.
func (ev *Event) Credentials() string { return ev.Socket.credentials() }

func (ev *Event) lookupEvent(path []string) (sio.Data, bool) {
	if len(path) == 0 {
		return sio.Data{}, false
	}
	switch path[0] {
	case "name":
		return jsonText(ev.Name), len(path) == 1
	case "reason":
		return jsonText(ev.Reason), len(path) == 1 && ev.Reason != ""
	case "args":
		if len(path) == 2 && path[1] == "*" {
			return ev.Args, true
		}
		return ev.Args.Lookup(path[1:]...)
	}
	return sio.Data{}, false
}

// isWholeName reports whether a client's event has a name without half of a surrogate pair.
// Names that differ in these halves only would be the same to rules and backends.
func isWholeName(name string, payload sio.Data) bool {
	if !strings.ContainsRune(name, utf8.RuneError) {
		return true
	}
	first, _ := payload.Index(0)
	return !first.HasLoneSurrogate()
}

// splitKey splits a dotted key. There is always a first part.
func splitKey(key string) []string { return strings.Split(key, ".") }
