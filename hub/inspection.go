package hub

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/redact"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// The states of an [Inspection].
const (
	StateConnected     = "connected"
	StateDisconnecting = "disconnecting"
	StateDisconnected  = "disconnected"
)

// Inspection describes a socket for operators, see [Hub.Inspect].
type Inspection struct {
	// ID is the id of the socket, and Namespace the name of its namespace.
	ID        string `json:"id"`
	Namespace string `json:"namespace"`
	// Node is the process that has the socket, as HOST#PID. It is empty for a socket of a
	// Node.js server, which reports neither this nor Protocol, Queues, Memory and LastEvent.
	Node string `json:"node"`
	// State is connected, disconnecting or disconnected.
	State string `json:"state"`
	// Recovered is true when the client reconnected to the socket.
	Recovered bool `json:"recovered"`
	// Protocol is the revision of Engine.IO: 3 or 4.
	Protocol int `json:"protocol,omitempty"`
	// User is the id of the user: the subject of the token that the handler jwt verified, or
	// the user of Caddy's authentication. It is empty without one.
	User string `json:"user"`
	// Transport is polling or websocket. It is empty if another node does not report it.
	Transport string `json:"transport"`
	// Rooms are the rooms that the socket is in. A disconnected socket is in none.
	Rooms []string `json:"rooms"`
	// Data is the data of the socket, null for a disconnected one.
	Data json.RawMessage `json:"data"`
	// Handshake is how the client connected, without secrets.
	Handshake InspectedHandshake `json:"handshake"`
	// Queues are the lengths of the queues. They are nil for a disconnected socket.
	Queues *Queues `json:"queues,omitempty"`
	// Traffic counts the packets of the connection. It is nil for a socket of a Node.js
	// server.
	Traffic *Traffic `json:"traffic,omitempty"`
	// Memory is how many bytes the connection keeps, by kind, see [Memory].
	Memory map[string]int64 `json:"memory,omitempty"`
	// LastEvent is the event that was handled last, nil if there was none.
	LastEvent *LastEvent `json:"last_event,omitempty"`
	// Close is why the socket disconnected. It is nil for another one.
	Close *SocketClose `json:"close,omitempty"`
}

// InspectedHandshake is the request that opened a connection, and the auth of the connect
// packet. Secrets are hidden, and long values are cut. A disconnected socket has Time and
// Address alone.
type InspectedHandshake struct {
	Time    string            `json:"time"`
	Address string            `json:"address"`
	Secure  bool              `json:"secure"`
	URL     string            `json:"url,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
	// Auth has the keys of the auth. All values are hidden.
	Auth json.RawMessage `json:"auth,omitempty"`
}

// Queues are the lengths of the queues of a socket and its connection.
type Queues struct {
	// Events is how many events of the client wait for handlers, and EventBytes how many
	// bytes they have together with the ones that parallel rules handle.
	Events     int `json:"events"`
	EventBytes int `json:"event_bytes"`
	// Messages is how many messages wait for the client, and MessageBytes how many bytes
	// they have together with the ones that are being written.
	Messages     int `json:"messages"`
	MessageBytes int `json:"message_bytes"`
}

// Traffic counts the packets and bytes of a connection. The ones to the client were taken to
// be written: a client that is gone may not have received the last ones.
type Traffic struct {
	PacketsIn  uint64 `json:"packets_in"`
	BytesIn    uint64 `json:"bytes_in"`
	PacketsOut uint64 `json:"packets_out"`
	BytesOut   uint64 `json:"bytes_out"`
}

// SocketClose is why and when a socket disconnected.
type SocketClose struct {
	Time time.Time `json:"time"`
	// Reason is the reason in Socket.IO's words.
	Reason string `json:"reason"`
	// Cause says more than the reason. It is empty if nothing more is known.
	Cause string `json:"cause"`
	// Recoverable is true if the socket was saved for its client, see
	// [RouteConfig.Recovery].
	Recoverable bool `json:"recoverable"`
}

// InspectionQuery names a socket to inspect.
type InspectionQuery struct {
	// ID is the id of the socket, as it is in the log: for clients of Socket.IO 2, the log
	// has a hash in place of the id, which may stand here, too.
	ID string
	// Allowed restricts the namespaces that the socket may be in. Nil means all namespaces
	// of the hub.
	Allowed func(namespace string) bool
	// Namespace is the one in which servers of Node.js search. Nil means "/". Nodes with
	// this module search in all.
	Namespace *Namespace
	// Local restricts the search to this node.
	Local bool
}

// allows reports whether the socket may be in a namespace.
func (q *InspectionQuery) allows(namespace string) bool {
	return q.Allowed == nil || q.Allowed(namespace)
}

// Inspect describes a socket of any node: one that is connected, or one of the last 10,000 of
// a node that disconnected in the last 10 minutes. It returns nil if there is none. The error
// wraps [ErrTimeout] if not all nodes replied in time; then the socket may be on one of them.
func (h *Hub) Inspect(ctx context.Context, q InspectionQuery) (*Inspection, error) {
	found := h.inspectLocally(&q)
	if q.Local || found != nil && found.Close == nil {
		return found, nil
	}
	ns := q.Namespace
	if ns == nil {
		ns = h.Of("/")
	}
	ctx, cancel := withTimeout(ctx, 0)
	defer cancel()
	request := cluster.FetchSockets{Target: rooms.Target{In: []string{q.ID}, Except: []string{inspectionMark}}}
	err := ns.link.Load().request(ctx, ns.log(), request, func(a cluster.Reply) {
		sockets, _ := a.(cluster.Sockets)
		for _, s := range sockets {
			if other := ns.readInspection(s, q.ID); other != nil && q.allows(other.Namespace) && other.isNewer(found) {
				found = other
			}
		}
	})
	return found, timedOut(err)
}

// isNewer reports whether the inspection is to be preferred: a socket that is recovered on
// another node is disconnected on the first one.
func (i *Inspection) isNewer(other *Inspection) bool {
	switch {
	case other == nil || i.Close == nil:
		return true
	case other.Close == nil:
		return false
	}
	return i.Close.Time.After(other.Close.Time)
}

// inspectLocally describes a socket of this node, connected or not. It returns nil if there
// is none.
func (h *Hub) inspectLocally(q *InspectionQuery) *Inspection {
	for _, ns := range h.Namespaces() {
		if !q.allows(ns.name) {
			continue
		}
		if s := ns.socketToInspect(q.ID); s != nil {
			return s.inspect()
		}
	}
	if record, ok := h.closed.findRecord(q); ok {
		return record.inspect()
	}
	return nil
}

// socketToInspect returns the socket with an id, or with a hash of it that the log has. It
// returns nil if there is none.
func (ns *Namespace) socketToInspect(id string) (found *Socket) {
	if s, ok := ns.Socket(id); ok {
		return s
	}
	if len(id) != hashLength && !strings.Contains(id, "#") {
		return nil
	}
	ns.forEachSocket(everySocket, func(s *Socket) bool {
		if s.client.version == sio.V4 && s.logID() == id {
			found = s
		}
		return found == nil
	})
	return found
}

// inspect describes a socket.
func (s *Socket) inspect() *Inspection {
	session := s.client.session
	described := s.describeSocket()
	found := &Inspection{
		ID: s.id, Namespace: s.ns.name, Node: nodeName, State: StateConnected, Recovered: s.restored,
		Protocol: int(session.Version()), Transport: session.Transport(), User: shortenText(s.findUser()),
		Rooms: described.Rooms, Data: described.Data, Handshake: redactHandshake(&described.Handshake),
		Queues: new(Queues), Memory: make(map[string]int64), LastEvent: s.copyLastEvent(),
	}
	if s.state.Load() >= stateDisconnecting {
		found.State = StateDisconnecting
	}
	traffic := Traffic(session.Traffic())
	found.Traffic = &traffic
	found.Queues.Events, found.Queues.EventBytes = s.inbox.countWaiting()
	found.Queues.Messages, found.Queues.MessageBytes = session.CountQueued()
	for kind, n := range s.client.account.Kinds() {
		if n > 0 {
			found.Memory[budget.Kind(kind).String()] = n
		}
	}
	return found
}

// inspect describes a disconnected socket.
func (s *closedSocket) inspect() *Inspection {
	return &Inspection{
		ID: s.id, Namespace: s.namespace, Node: nodeName, State: StateDisconnected,
		Protocol: int(s.protocol), Transport: s.transport, User: s.user, Traffic: &s.traffic, Rooms: []string{}, Data: json.RawMessage("null"),
		Handshake: InspectedHandshake{Time: s.opened.Format(time.RFC3339), Address: s.address},
		LastEvent: s.lastEvent,
		Close:     &SocketClose{Time: s.closed, Reason: s.reason, Cause: s.cause, Recoverable: s.recoverable},
	}
}

// redactHandshake returns a handshake without its secrets.
func redactHandshake(h *cluster.Handshake) InspectedHandshake {
	return InspectedHandshake{
		Time: h.Time, Address: h.Address, Secure: h.Secure, URL: redact.URL(h.URL),
		Headers: redact.Values(h.Headers), Query: redact.Values(h.Query), Auth: redact.Auth(h.Auth),
	}
}

const (
	// inspectionMark is a room that does not exist. A request for the sockets of a room that
	// excepts it is an inspection: this module replies to it with the key inspectionKey in
	// the data of the socket. Node.js servers reply as to any other request.
	inspectionMark = "caddy-socketio: inspect"
	inspectionKey  = "_inspection"
)

// hashLength is the length of the hash of an id in the log.
const hashLength = 8

// replyInspection replies to an inspection of another node.
func (h *Hub) replyInspection(id string, reply func(cluster.Reply)) {
	found := cluster.Sockets{}
	if i := h.inspectLocally(&InspectionQuery{ID: id}); i != nil {
		if data, err := json.Marshal(map[string]*Inspection{inspectionKey: i}); err == nil {
			found = append(found, cluster.Socket{ID: id, Data: data})
		}
	}
	reply(found)
}

// inspectedID returns the id of the socket that a request inspects. ok is false for another
// request.
func inspectedID(t rooms.Target) (id string, ok bool) {
	if len(t.In) != 1 || !slices.Contains(t.Except, inspectionMark) {
		return "", false
	}
	return t.In[0], true
}

// readInspection returns the inspection that another node replied with. It returns nil for
// another socket: on Node.js servers, one may have joined a room of that name.
func (ns *Namespace) readInspection(s cluster.Socket, id string) *Inspection {
	if s.ID != id {
		return nil
	}
	var data struct {
		Inspection *Inspection `json:"_inspection"`
	}
	_ = json.Unmarshal(s.Data, &data) // the data of a Node.js server may be any value
	found := data.Inspection
	if found == nil {
		remote := newRemoteSocket(s, ns)
		found = &Inspection{
			ID: s.ID, State: StateConnected, Transport: remote.connection.Transport,
			Rooms: s.Rooms, Data: remote.Data, Handshake: redactHandshake(&s.Handshake),
		}
	}
	if found.Namespace == "" {
		found.Namespace = ns.name
	}
	if found.Rooms == nil {
		found.Rooms = []string{}
	}
	if !json.Valid(found.Data) {
		found.Data = json.RawMessage("null")
	}
	return found
}
