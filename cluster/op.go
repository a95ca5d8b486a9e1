package cluster

import (
	"encoding/json"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Operation is an operation on the sockets of a namespace, on every node. The set is
// closed: Emit, Join, Leave, SetData, Disconnect, ServerEmit.
type Operation interface{ isOperation() }

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
	// Trace is the trace that the deliveries of the event belong to, on all nodes. It is nil
	// for none.
	Trace *TraceContext
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

// SetData sets a key of the data of a target's sockets. Node.js ignores it.
type SetData struct {
	rooms.Target
	Key   string
	Value sio.Data
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

// TargetsNone reports whether an [Operation] or a [Request] has a target that means no
// socket. Nodes have nothing to do for it.
func TargetsNone(request any) bool {
	switch request := request.(type) {
	case Emit:
		return request.None
	case Join:
		return request.None
	case Leave:
		return request.None
	case SetData:
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

func (Emit) isOperation()       {}
func (Join) isOperation()       {}
func (Leave) isOperation()      {}
func (SetData) isOperation()    {}
func (Disconnect) isOperation() {}
func (ServerEmit) isOperation() {}

// Request is a request between nodes. The set is closed: FetchSockets, AllRooms, EmitAck,
// ServerEmitAck, CloseStale.
type Request interface{ isRequest() }

// FetchSockets requests the sockets of a target. The reply is [Sockets].
type FetchSockets struct{ rooms.Target }

// AllRooms requests the names of all rooms. The reply is [Rooms].
type AllRooms struct{}

// EmitAck emits an event and requests the clients' acknowledgements. A node's replies are
// one [ClientCount], then a [ClientAck] for each client that acknowledges.
type EmitAck struct{ Emit }

// ServerEmitAck is an event for the other servers. Each replies with one [ServerAck].
type ServerEmitAck struct{ ServerEmit }

// CloseStale requests a node to close and save the socket with a pid, if it has the
// identity: its client reconnected to another node. The reply is one [StaleClosed].
// [Recorder.CloseStale] makes the request.
type CloseStale struct{ PID, Identity string }

func (FetchSockets) isRequest()  {}
func (AllRooms) isRequest()      {}
func (EmitAck) isRequest()       {}
func (ServerEmitAck) isRequest() {}
func (CloseStale) isRequest()    {}

// Reply is a reply of a node. The set is closed: Sockets, Rooms, ClientCount, ClientAck,
// ServerAck, StaleClosed.
type Reply interface{ isReply() }

// Sockets is the reply to [FetchSockets].
type Sockets []Socket

// Rooms is the reply to [AllRooms].
type Rooms []string

// ClientCount is the number of clients of a node that got the event of an [EmitAck].
type ClientCount int

// ClientAck is one client's acknowledgement: the JSON array of its arguments.
type ClientAck struct{ Data sio.Data }

// ServerAck is a server's reply to a [ServerEmitAck]: one JSON value.
type ServerAck struct{ Data sio.Data }

// StaleClosed is the reply to [CloseStale]: true if the node had the socket, and saved it.
type StaleClosed bool

func (StaleClosed) isReply() {}
func (Sockets) isReply()     {}
func (Rooms) isReply()       {}
func (ClientCount) isReply() {}
func (ClientAck) isReply()   {}
func (ServerAck) isReply()   {}

// Socket describes a socket to another node, as RemoteSocket of Node.js does.
type Socket struct {
	ID        string          `json:"id"`
	Handshake Handshake       `json:"handshake"`
	Rooms     []string        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

// Handshake describes the HTTP request that opened a socket's connection, with the field
// names of the handshake object of Node.js.
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
