package hub

import (
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// maxHeldDeliveries bounds the events that are held for a socket while it is joining its
// rooms: an instant.
const maxHeldDeliveries = 4096

// admission is the state of a socket until it is connected.
type admission struct {
	rooms          []string // to join when accepted
	limits         []roomLimit
	placed         bool       // it may be in the rooms of limits
	roomChanges    []func()   // changes of its rooms that wait for inRooms, see whenInRooms
	inRooms        bool       // it is in its rooms
	deferred       []func()   // emits of its handlers
	heldDeliveries []delivery // emits to its rooms meanwhile, and kept events of them
	// heldHistory is how many of them are kept events, and heldHistoryBytes their size.
	heldHistory, heldHistoryBytes int
	historyRooms                  []string // rooms whose kept events it gets
	tokens                        []string // see [Identity]
	newKeys                       []string // of its data, set since it joins its rooms
	// Of a restored socket: the first part of its replay, and the lost socket, both of
	// recorder. Lost is nil when the replay was sent.
	recorder cluster.Recorder
	replay   cluster.Replay
	lost     *cluster.LostSocket
	// closeReason is why the socket closed before it was accepted; empty when its
	// connect event failed.
	closeReason string
	refusal     *time.Timer // sends the connect error of a failed attempt; nil without one
}

// addRooms adds rooms. It takes time in proportion to their number: a client may name many.
func (o *admission) addRooms(names []string, own string) error {
	joined, known := o.rooms, rooms.NewSet(o.rooms)
	known[own] = struct{}{}
	for _, name := range names {
		if _, again := known[name]; again {
			continue
		}
		if len(known) == MaxRooms {
			return errTooManyRooms
		}
		known[name] = struct{}{}
		joined = append(joined, name)
	}
	o.rooms = joined
	return nil
}

// hasRoom reports whether a socket with an id is going to be in a room.
func (o *admission) hasRoom(room, own string) bool {
	return room == own || slices.Contains(o.rooms, room)
}

// removeRooms removes rooms.
func (o *admission) removeRooms(names []string) {
	left := rooms.NewSet(names)
	o.rooms = slices.DeleteFunc(o.rooms, func(room string) bool {
		_, gone := left[room]
		return gone
	})
}

// whenInRooms calls fn, which changes the socket's rooms, when the socket is in the rooms of
// its connect event. That is before its client gets the reply to its connect packet: a
// request that the client then causes finds the socket in its rooms. It reports whether fn
// was called at once.
func (s *Socket) whenInRooms(fn func()) bool {
	s.mu.Lock()
	if s.admission != nil && !s.admission.inRooms {
		s.admission.roomChanges = append(s.admission.roomChanges, fn)
		s.mu.Unlock()
		return false
	}
	s.mu.Unlock()
	fn()
	return true
}

// applyRoomChanges calls the waiting functions of whenInRooms. Later ones are called at once.
func (s *Socket) applyRoomChanges() {
	for {
		s.mu.Lock()
		moves := s.admission.roomChanges
		s.admission.roomChanges, s.admission.inRooms = nil, len(moves) == 0
		s.mu.Unlock()
		if len(moves) == 0 {
			return
		}
		for _, move := range moves {
			move()
		}
	}
}

// whenConnected calls fn when the reply to the socket's connect packet was sent: at once, or
// after its connect event. After a connect error fn is not called. It reports whether fn was
// called at once.
func (s *Socket) whenConnected(fn func()) bool {
	s.mu.Lock()
	if s.admission != nil {
		s.admission.deferred = append(s.admission.deferred, fn)
		s.mu.Unlock()
		return false
	}
	s.mu.Unlock()
	fn()
	return true
}
