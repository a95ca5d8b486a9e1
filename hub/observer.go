package hub

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// ObservationKind is the kind of an [Observation].
type ObservationKind int

// The kinds of observations.
const (
	// SocketConnected comes when a socket is in its first rooms, before its client gets
	// the reply to its connect packet.
	SocketConnected ObservationKind = iota + 1
	// SocketDisconnected comes when a socket has left its rooms.
	SocketDisconnected
	// DataChanged comes when a key of a socket's data was set.
	DataChanged
	// RoomJoined and RoomLeft come when a socket joined or left a room.
	RoomJoined
	RoomLeft
	// EventReceived comes when a client's event is put into the inbox of its socket.
	EventReceived
	// EventSent comes for each socket of this node that an event is emitted to.
	EventSent
	// ConnectRefused comes when a client gets a connect error.
	ConnectRefused
)

// Observation is one thing that happened to a socket of this node.
type Observation struct {
	Kind ObservationKind
	// Socket is nil for ConnectRefused.
	Socket *Socket
	// Namespace and Address are the name of the namespace and the client's address, of
	// ConnectRefused.
	Namespace, Address string
	// Room is the name of the room of RoomJoined and RoomLeft.
	Room string
	// Reason is why the socket disconnected, of SocketDisconnected, or the message of the
	// connect error, of ConnectRefused.
	Reason string
	// Data is a JSON array of EventReceived and EventSent: the name of the event and its
	// arguments.
	Data sio.Data
}

// hubObserver is a function that gets the observations of a hub.
type hubObserver struct {
	notify func(Observation)
	sent   bool // it gets EventSent
}

// Observe calls fn with each observation of the hub's sockets until stop is called. fn is
// called by many goroutines at a time, with locks of rooms and of recovery held: it must
// neither wait nor change the hub. While no function observes, a broadcast costs one atomic
// load more, and events of rooms are not built.
func (h *Hub) Observe(fn func(Observation)) (stop func()) {
	return h.addObserver(&hubObserver{notify: fn, sent: true})
}

// ObserveClients is Observe without EventSent: emits cost nothing for it.
func (h *Hub) ObserveClients(fn func(Observation)) (stop func()) {
	return h.addObserver(&hubObserver{notify: fn})
}

func (h *Hub) addObserver(o *hubObserver) (stop func()) {
	h.changeObservers(func(all []*hubObserver) []*hubObserver { return append(all, o) })
	return func() {
		h.changeObservers(func(all []*hubObserver) []*hubObserver {
			return slices.DeleteFunc(all, func(other *hubObserver) bool { return other == o })
		})
	}
}

// changeObservers replaces the list of observers: readers take no lock.
func (h *Hub) changeObservers(change func([]*hubObserver) []*hubObserver) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*hubObserver
	if old := h.observers.Load(); old != nil {
		all = slices.Clone(*old)
	}
	if all = change(all); len(all) == 0 {
		h.observers.Store(nil)
	} else {
		h.observers.Store(&all)
	}
	for _, ns := range h.namespaces {
		ns.observeRoomsLocked()
	}
}

// observeRoomsLocked subscribes to the rooms of the namespace while the hub has observers.
// The caller holds hub.mu.
func (ns *Namespace) observeRoomsLocked() {
	switch observed := ns.hub.observers.Load() != nil; {
	case observed && ns.stopObservingRooms == nil:
		ns.stopObservingRooms = ns.index.Subscribe(ns.observeRoom)
	case !observed && ns.stopObservingRooms != nil:
		ns.stopObservingRooms()
		ns.stopObservingRooms = nil
	}
}

// observeRoom notifies the observers of an event of a room.
func (ns *Namespace) observeRoom(ev rooms.Event[*Socket]) {
	switch ev.Kind {
	case rooms.Join:
		ns.hub.observe(Observation{Kind: RoomJoined, Socket: ev.Member, Room: ev.Room})
	case rooms.Leave:
		ns.hub.observe(Observation{Kind: RoomLeft, Socket: ev.Member, Room: ev.Room})
	}
}

// observe notifies the observers.
func (h *Hub) observe(o Observation) {
	all := h.observers.Load()
	if all == nil {
		return
	}
	for _, observer := range *all {
		if observer.sent || o.Kind != EventSent {
			observer.notify(o)
		}
	}
}

// observeRefusal notifies the observers of a connect error.
func (c *client) observeRefusal(namespace, message string) {
	if c.hub.observers.Load() != nil {
		address := c.session.Handshake().Address
		c.hub.observe(Observation{Kind: ConnectRefused, Namespace: namespace, Address: address, Reason: message})
	}
}

// observeEmit notifies the observers of an emit to the sockets of a target or, unless only
// is nil, to that socket. The target is resolved once more: deliveries have no branch for
// observers.
func (ns *Namespace) observeEmit(target rooms.Target, data sio.Data, only *Socket) {
	all := ns.hub.observers.Load()
	if all == nil || !slices.ContainsFunc(*all, func(o *hubObserver) bool { return o.sent }) {
		return
	}
	if only != nil {
		ns.hub.observe(Observation{Kind: EventSent, Socket: only, Data: data})
		return
	}
	ns.forEachSocket(target, func(s *Socket) bool {
		ns.hub.observe(Observation{Kind: EventSent, Socket: s, Data: data})
		return true
	})
}

// observeEvent notifies the observers of an event of the client: a JSON array of its name
// and arguments.
func (s *Socket) observeEvent(data sio.Data) {
	if s.ns.hub.observers.Load() != nil {
		s.ns.hub.observe(Observation{Kind: EventReceived, Socket: s, Data: data})
	}
}

// maxClientID is how many characters of a session's id are public: the others are enough
// of a secret.
const maxClientID = 12

// ShareConnections adds the connection of each socket to its description for other nodes, as
// the key "_admin" of its data: servers of Node.js with an Admin UI show it. From then on
// fetched is called when another node requests the sockets of a target. It must not wait.
// Nil stops both.
func (h *Hub) ShareConnections(fetched func(namespace string, target rooms.Target)) {
	if fetched == nil {
		h.fetched.Store(nil)
		return
	}
	h.fetched.Store(&fetched)
}

// connectionKey is the key of a socket's data that has its connection, in descriptions for
// other nodes.
const connectionKey = "_admin"

// Connection is the connection of a socket, as another node describes it.
type Connection struct {
	// ClientID is an id that the sockets of one connection share. It is the beginning of
	// the session's id, too short to name the session.
	ClientID string `json:"clientId"`
	// Transport is "polling" or "websocket".
	Transport string `json:"transport"`
}

// newRemoteSocket returns a socket as a node describes it.
func newRemoteSocket(s cluster.Socket, ns *Namespace) RemoteSocket {
	r := RemoteSocket{Socket: s, ns: ns}
	r.Data, r.connection = splitConnection(s.Data)
	return r
}

// Connection returns the connection of the socket. It is empty if another node does not
// report it: one without an Admin UI in development mode.
func (r RemoteSocket) Connection() Connection {
	if s, ok := r.ns.Socket(r.ID); ok && r.connection.ClientID == "" {
		return s.connection()
	}
	return r.connection
}

// connection returns the connection of the socket.
func (s *Socket) connection() Connection {
	id := s.client.session.ID()
	return Connection{id[:min(len(id), maxClientID)], s.client.session.Transport()}
}

// DescribeSocket returns a description of a socket, as [Broadcast.FetchSockets] does.
func DescribeSocket(s *Socket) RemoteSocket {
	return RemoteSocket{Socket: s.describeSocket(), ns: s.ns, connection: s.connection()}
}

// UserOf returns the id of a socket's user: the claim sub of its verified token, or else the
// user of Caddy's HTTP authentication. It is empty if there is neither.
func UserOf(s *Socket) string { return s.findUser() }

// LogIDOf returns the id of a socket, or a text in its place where the id is a secret: see
// [Socket.ID].
func LogIDOf(s *Socket) string { return s.logID() }

// MembersOf returns the sockets of this node in a room.
func MembersOf(ns *Namespace, room string) []*Socket {
	return ns.index.Select(nil, rooms.Target{}.AddRooms(room))
}

// replyFetched replies to another node's request for sockets.
func (ns *Namespace) replyFetched(q cluster.FetchSockets, reply func(cluster.Reply)) {
	if id, ok := inspectedID(q.Target); ok {
		ns.hub.replyInspection(id, reply)
		return
	}
	if q, ok := requestedActivity(q.Target); ok {
		ns.hub.replyActivity(q, reply)
		return
	}
	fetched := ns.hub.fetched.Load()
	if fetched == nil {
		reply(ns.describeSockets(q.Target))
		return
	}
	(*fetched)(ns.name, q.Target)
	found := cluster.Sockets{}
	ns.forEachSocket(q.Target, func(s *Socket) bool {
		if s.isAccepted() {
			described := s.describeSocket()
			described.Data = addConnection(described.Data, s.connection())
			found = append(found, described)
		}
		return true
	})
	reply(found)
}

// addConnection adds a connection to the data of a socket, a JSON object.
func addConnection(data json.RawMessage, c Connection) json.RawMessage {
	members := make(map[string]any)
	var own map[string]json.RawMessage
	if json.Unmarshal(data, &own) != nil {
		return data
	}
	for key, value := range own {
		members[key] = value
	}
	members[connectionKey] = c
	with, err := json.Marshal(members)
	if err != nil {
		return data
	}
	return with
}

// splitConnection removes the connection from the data of a socket of another node.
func splitConnection(data json.RawMessage) (json.RawMessage, Connection) {
	var c Connection
	var members map[string]json.RawMessage
	if !bytes.Contains(data, []byte(`"`+connectionKey+`"`)) || json.Unmarshal(data, &members) != nil {
		return data, c
	}
	if json.Unmarshal(members[connectionKey], &c) != nil || c.ClientID == "" {
		return data, Connection{}
	}
	delete(members, connectionKey)
	without, err := json.Marshal(members)
	if err != nil {
		return data, c
	}
	return without, c
}
