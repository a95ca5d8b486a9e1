package cluster

import (
	"encoding/json"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Operation is something to be done to the sockets of a namespace, on every node. The
// set is closed: Emit, Join, Leave, Disconnect, ServerEmit.
type Operation interface{ operation() }

// Flags are the modifiers of an emit, by Socket.IO's names.
type Flags struct {
	// Volatile lets a socket that is not ready to take the event miss it.
	Volatile bool
	// Local keeps the event on this node.
	Local bool
	// NoCompress leaves the event out of permessage-deflate and of HTTP
	// compression.
	NoCompress bool
}

// Emit sends an event to the sockets of a target.
type Emit struct {
	rooms.Target
	Flags
	// Data is the event's name and arguments: a JSON array.
	Data sio.Data
	// Offset is the place of the event in the recovery log of a [Recorder]. It is empty
	// for an event that is not in the log, or not known to be.
	Offset string
	// Mark identifies an event without an offset that the log may contain all the same.
	Mark string
	// Message is the event with its offset, as clients get it. It is nil if the Recorder
	// leaves encoding to the hub.
	Message *eio.Message
}

// Encode encodes the event for clients of a namespace. Its last argument is an offset,
// unless that is empty: clients of version 4.6 and later take it off and send it back.
func (e *Emit) Encode(namespace, offset string) (*eio.Message, error) {
	p := sio.Packet{Type: sio.Event, Namespace: namespace, Data: e.Data, Offset: offset}
	return p.Encode(sio.V5, !e.NoCompress)
}

// Join makes the sockets of a target join rooms.
type Join struct {
	rooms.Target
	Rooms []string
}

// Leave makes the sockets of a target leave rooms.
type Leave struct {
	rooms.Target
	Rooms []string
}

// Disconnect disconnects the sockets of a target from the namespace, or, with
// Close, closes their whole connections.
type Disconnect struct {
	rooms.Target
	Close bool
}

// ServerEmit is an event for the other servers, not for their sockets.
type ServerEmit struct {
	// Data is the event's name and arguments: a JSON array.
	Data sio.Data
}

// TargetsNone reports whether an [Op] or a [Query] has a target that is nobody. No
// node has anything to do for it.
func TargetsNone(request any) bool {
	switch request := request.(type) {
	case Emit:
		return request.None
	case Join:
		return request.None
	case Leave:
		return request.None
	case Disconnect:
		return request.None
	case FetchSockets:
		return request.None
	case EmitAck:
		return request.None
	}
	return false
}

func (Emit) operation()       {}
func (Join) operation()       {}
func (Leave) operation()      {}
func (Disconnect) operation() {}
func (ServerEmit) operation() {}

// Request is something that nodes ask each other. The set is closed:
// FetchSockets, AllRooms, EmitAck, ServerEmitAck, CloseStale.
type Request interface{ request() }

// FetchSockets asks for the sockets of a target. Answers are [Sockets].
type FetchSockets struct{ rooms.Target }

// AllRooms asks for the names of all rooms. Answers are [Rooms].
type AllRooms struct{}

// EmitAck sends an event and asks for the clients' acknowledgements. A node's
// answers are one [ClientCount], then a [ClientAck] for each client that
// acknowledges.
type EmitAck struct{ Emit }

// ServerEmitAck is an event for the other servers, each of which answers with
// one [ServerAck].
type ServerEmitAck struct{ ServerEmit }

// CloseStale asks a node to close and save the socket with a pid, whose client has
// come back to another node, if it has the identity. The answer is one [Recalled]. It is
// put by [Recorder.Recall], not by [Adapter.Ask].
type CloseStale struct{ PID, Identity string }

func (FetchSockets) request()  {}
func (AllRooms) request()      {}
func (EmitAck) request()       {}
func (ServerEmitAck) request() {}
func (CloseStale) request()    {}

// Reply is what a node answers. The set is closed: Sockets, Rooms,
// ClientCount, ClientAck, ServerAck, Recalled.
type Reply interface{ reply() }

// Sockets answers [FetchSockets].
type Sockets []Socket

// Rooms answers [AllRooms].
type Rooms []string

// ClientCount says how many clients of the answering node got the event of an
// [EmitAck].
type ClientCount int

// ClientAck is one client's acknowledgement: the JSON array of its arguments.
type ClientAck struct{ Data sio.Data }

// ServerAck is a server's answer to a [ServerEmitAck]: one JSON value.
type ServerAck struct{ Data sio.Data }

// StaleClosed answers [CloseStale]: whether the socket was there, and is saved now.
type StaleClosed bool

func (StaleClosed) reply() {}
func (Sockets) reply()     {}
func (Rooms) reply()       {}
func (ClientCount) reply() {}
func (ClientAck) reply()   {}
func (ServerAck) reply()   {}

// Socket describes a socket to another node, as Node's RemoteSocket does.
type Socket struct {
	ID        string          `json:"id"`
	Handshake Handshake       `json:"handshake"`
	Rooms     []string        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

// Handshake describes the request that a socket came with, with the field names
// of Node's handshake object.
type Handshake struct {
	Headers map[string]string `json:"headers"`
	// Time is the handshake's time, as text.
	Time    string `json:"time"`
	Address string `json:"address"`
	// XDomain is true when the request had an Origin.
	XDomain bool `json:"xdomain"`
	Secure  bool `json:"secure"`
	// Issued is the handshake's time in milliseconds since 1970.
	Issued int64             `json:"issued"`
	URL    string            `json:"url"`
	Query  map[string]string `json:"query"`
	Auth   json.RawMessage   `json:"auth"`
}
