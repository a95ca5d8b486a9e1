package hub

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// The states of a socket. It goes through them in this order, and may skip.
const (
	stateConnecting    int32 = iota // its connect handlers run; it is in no room
	stateJoining                    // accepted: it is being put into its rooms
	stateConnected                  // the reply to its connect packet was sent
	stateDisconnecting              // it is in its rooms, and accepts no packets
	stateDisconnected
)

// Socket is one client's membership of one namespace. Its methods are safe for
// concurrent use.
//
// While its connect event is handled, its emits and broadcasts wait until the reply to its
// connect packet is sent. After a connect error they are dropped.
type Socket struct {
	// Static after construction.
	id     string
	ns     *Namespace
	client *client
	auth   sio.Data
	query  string // of the namespace
	pid    string // that its client recovers it with; empty without recovery
	began  int64  // when its connect packet came, a time of readClock
	// restored is true for a recovered socket, admitted if its connect handlers
	// accepted it in this namespace before.
	restored, admitted bool
	// Offsets of the recovery log, changed under mu before stateConnected: the end of the
	// replay, empty without one, and where a replay begins for a client without an
	// offset.
	replayedTo, replayFrom string

	inbox     inbox
	state     atomic.Int32
	roomBytes atomic.Int64 // charged for its rooms
	// disconnectedByServer is true when the server disconnected the socket: the events
	// in its inbox are dropped.
	disconnectedByServer atomic.Bool
	// lost is true when the connection is lost and the socket is saved: operations on
	// the socket apply to the saved socket, too.
	lost  atomic.Bool
	grace gracePeriod
	// interrupts is replaced as a whole, with mu held; nil while there are none.
	interrupts atomic.Pointer[[]*interrupt]

	// saveMu makes saves of the lost socket happen one at a time: the newest state is saved
	// last. It is locked before mu, and held while a save is queued.
	saveMu sync.Mutex

	mu        sync.Mutex // guards the following
	admission *admission // nil from stateConnected on
	data      map[string]sio.Data
	dataBytes int
	// chargedData is how many bytes the connection is charged for data and values.
	chargedData int
	values      map[string]sio.Data
	// identities are hashes of the identities added on connect, each once.
	// identityChanged is true when another was added afterwards.
	identities      []string
	identityChanged bool
	marks           []string            // of events that it was delivered without an offset, the last ones
	saved           *cluster.LostSocket // the socket's saved state when it is lost
	disconnectStart chan struct{}       // closed when it stops taking packets; nil if no goroutine waits
	done            chan struct{}       // closed when the lifecycle has ended; nil if no goroutine waits
	lastEvent       *lastEvent          // nil before the first event of the client
}

// ID returns the socket's id, which is also the name of the room that it is
// always in. It is random, unguessable, unique and 20 characters long; with
// clients of Socket.IO 2, which derive it themselves, it is the connection's
// secret sid in the namespace "/", and NAMESPACE#SID elsewhere.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace that the socket is in.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Handshake returns how the socket's client connected. It must not be changed.
func (s *Socket) Handshake() Handshake {
	return Handshake{HandshakeRequest: s.handshakeRequest(), Auth: s.auth, query: s.query}
}

// handshakeRequest returns the request that opened the connection.
func (s *Socket) handshakeRequest() *HandshakeRequest { return s.client.session.Handshake() }

// Status is how a socket is at a moment.
type Status struct {
	// Connected is true while the client is connected and its connect packet was
	// sent.
	Connected bool
	// Recovered is true when the client reconnected to this socket after its
	// connection was lost: the socket has its former id, rooms and data, and the
	// missed events were sent. Of its connect handlers only each [Gate] is called
	// again; all are when a server of another kind had the socket, in whatever
	// namespace. The client has the same [Identity] as the one that connected first.
	Recovered bool
	// Transport is the connection's: "polling" or "websocket".
	Transport string
}

// Status returns the status of the moment.
func (s *Socket) Status() Status {
	return Status{Connected: s.isConnected(), Recovered: s.restored, Transport: s.client.session.Transport()}
}

// isConnected reports whether the client is connected and its connect packet was sent.
func (s *Socket) isConnected() bool { return s.state.Load() == stateConnected }

// isAccepted reports whether the socket is put into its rooms or connected. The client may
// know that it is connected before the state says so.
func (s *Socket) isAccepted() bool {
	state := s.state.Load()
	return state == stateJoining || state == stateConnected
}

// Done is closed when the socket has left its rooms for good.
func (s *Socket) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = make(chan struct{})
	}
	return s.done
}

// closeDone closes the channel of Done.
func (s *Socket) closeDone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = closedChannel
	} else {
		close(s.done)
	}
}

// Rooms returns the names of the rooms that the socket is in, its own id first,
// then in the order joined. While its connect event is handled, these are the
// rooms that it is going to be in. After disconnecting there are none.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	if s.admission != nil && s.state.Load() == stateConnecting {
		defer s.mu.Unlock()
		return append([]string{s.id}, s.admission.rooms...)
	}
	s.mu.Unlock()
	return s.ns.index.RoomsOf(s)
}

// Join makes the socket join rooms. It joins all of them or, with an error, none: a name may be empty, longer than
// [MaxRoomName] or not UTF-8, or the socket would be in more than [MaxRooms] rooms. A
// disconnected socket joins nothing, without an error. A handler whose rooms a client
// names calls [Event.Join] instead.
func (s *Socket) Join(rooms ...string) error {
	if err := CheckRooms(rooms); err != nil {
		return err
	}
	return s.joinWith(0, false, rooms)
}

// joinWith makes the socket join rooms with names that were checked. They have at most limit
// sockets then, unless limit is 0. With history, the socket gets their kept events.
func (s *Socket) joinWith(limit int, history bool, rooms []string) error {
	if s.isConnected() { // it is in its rooms
		return s.joinAtOnce(limit, history, rooms)
	}
	return s.joinWhenInRooms(limit, history, rooms)
}

// joinWhenInRooms is joinWith for a socket that may not be in the rooms of its connect event.
func (s *Socket) joinWhenInRooms(limit int, history bool, rooms []string) (err error) {
	s.mu.Lock()
	if s.state.Load() == stateConnecting {
		defer s.mu.Unlock()
		if limit > 0 {
			s.admission.limits = append(s.admission.limits, roomLimit{slices.Clone(rooms), limit})
		}
		if history && !s.restored {
			s.admission.historyRooms = append(s.admission.historyRooms, rooms...)
		}
		return s.admission.addRooms(rooms, s.id)
	}
	s.mu.Unlock()
	if s.whenInRooms(func() { err = s.joinAtOnce(limit, history, rooms) }) {
		return err
	}
	return nil
}

// joinAtOnce is joinWith for a socket that is in the rooms of its connect event.
func (s *Socket) joinAtOnce(limit int, history bool, rooms []string) error {
	var joined func(string)
	if history {
		joined = s.historySender(rooms)
	}
	return s.joinRooms(limit, joined, rooms)
}

// joinRooms makes a socket that is in its rooms join others, which have at most limit
// sockets then, unless limit is 0. It calls joined as [rooms.Index.JoinFunc] does.
func (s *Socket) joinRooms(limit int, joined func(room string), rooms []string) error {
	if err := s.checkRoomMemory(rooms); err != nil {
		return err
	}
	err := s.ns.index.JoinFunc(limit, joined, s, rooms...)
	s.chargeRooms()
	s.ns.trackRooms(s, rooms)
	if err == nil && s.lost.Load() {
		s.applyToLost(cluster.Join{Target: s.onlyTarget(), Rooms: rooms})
	}
	return err
}

// Leave makes the socket leave rooms. It may leave the room of its own id too.
func (s *Socket) Leave(rooms ...string) {
	if s.isConnected() { // it is in its rooms
		s.leaveRooms(rooms)
		return
	}
	s.mu.Lock()
	if s.state.Load() == stateConnecting {
		defer s.mu.Unlock()
		s.admission.removeRooms(rooms)
		return
	}
	s.mu.Unlock()
	s.whenInRooms(func() { s.leaveRooms(rooms) })
}

// leaveRooms is Leave for a socket that is in the rooms of its connect event.
func (s *Socket) leaveRooms(rooms []string) {
	s.ns.index.Leave(s, rooms...)
	s.chargeRooms()
	s.ns.trackRooms(s, rooms)
	if s.lost.Load() {
		s.applyToLost(cluster.Leave{Target: s.onlyTarget(), Rooms: rooms})
	}
}

// lookupSocket is [Event.Lookup] for keys that begin with "socket.".
func (s *Socket) lookupSocket(path []string) (sio.Data, bool) {
	if len(path) == 0 {
		return sio.Data{}, false
	}
	switch path[0] {
	case "auth":
		return s.auth.Lookup(path[1:]...)
	case "data":
		if len(path) == 1 {
			return s.Data(), true
		}
		s.mu.Lock()
		v, ok := s.data[path[1]]
		s.mu.Unlock()
		if !ok {
			return sio.Data{}, false
		}
		return v.Lookup(path[2:]...)
	}
	if len(path) > 1 {
		return sio.Data{}, false
	}
	switch path[0] {
	case "id":
		return jsonText(s.id), true
	case "namespace":
		return jsonText(s.ns.name), true
	case "transport":
		return jsonText(s.client.session.Transport()), true
	case "rooms":
		return jsonList(s.Rooms()), true
	}
	return sio.Data{}, false
}

// Disconnect disconnects the socket. Its client gets a disconnect packet and does not
// reconnect by itself. With close it disconnects the client's sockets in other namespaces
// too, and closes the connection.
func (s *Socket) Disconnect(close bool) {
	s.whenConnected(func() {
		if close {
			s.client.disconnectAll()
		}
		if !close || s.lost.Load() {
			s.disconnectByServer()
		}
	})
}

// disconnectByServer disconnects the socket. The disconnect packet is sent after the last
// delivery: clients keep events that come later until they reconnect.
func (s *Socket) disconnectByServer() {
	s.disconnectedByServer.Store(true)
	if !s.startDisconnect(ReasonServerDisconnect) {
		if s.lost.Load() {
			s.applyToLost(cluster.Disconnect{Target: s.onlyTarget()})
		}
		return
	}
	p := sio.Packet{Type: sio.Disconnect, Namespace: s.ns.name}
	if m, err := p.Encode(s.client.version, true); err == nil {
		s.client.session.Send(m)
	}
}
