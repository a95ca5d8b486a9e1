package redis

import (
	"errors"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// errRoomless says that a node does not tell its rooms.
var errRoomless = errors.New("redis: the node does not say which rooms it has; only sharded static does without")

// roomKey is a room of a line.
type roomKey struct {
	line *line
	room string
}

// roomQueue holds the rooms that came to be or ended, until the session has looked
// at them. Without a session it holds nothing: the next one looks at all rooms.
type roomQueue struct {
	wake chan struct{} // there is something in the queue

	mu     sync.Mutex // guards the following; a leaf
	active bool
	rooms  map[roomKey]struct{}
	lines  map[*line]struct{} // of which all rooms are to be looked at
	moved  []string           // channels that went to another server
}

// begin makes the queue keep what comes.
func (q *roomQueue) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active, q.rooms, q.lines, q.moved = true, make(map[roomKey]struct{}), make(map[*line]struct{}), nil
}

// end forgets everything.
func (q *roomQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active, q.rooms, q.lines, q.moved = false, nil, nil, nil
}

// take returns what is in the queue.
func (q *roomQueue) take() (rooms map[roomKey]struct{}, lines map[*line]struct{}, moved []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rooms, lines, moved = q.rooms, q.lines, q.moved
	q.rooms, q.lines, q.moved = make(map[roomKey]struct{}), make(map[*line]struct{}), nil
	return rooms, lines, moved
}

// change calls add if there is a session, and wakes it.
func (q *roomQueue) change(add func()) {
	q.mu.Lock()
	active := q.active
	if active {
		add()
	}
	q.mu.Unlock()
	if !active {
		return
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// watch begins to follow the rooms of an adapter's node, where rooms have channels.
func (a *adapter) watch(mode sharded) error {
	if mode == static {
		return nil
	}
	w, ok := a.node.(cluster.RoomWatcher)
	if !ok {
		return errRoomless
	}
	ln := a.line
	q := &ln.link.rooms
	a.rooms = w.WatchRooms(func(room string) {
		if mode.ownChannel(room) {
			q.change(func() { q.rooms[roomKey{ln, room}] = struct{}{} })
		}
	})
	return nil
}

// unwatch ends that.
func (a *adapter) unwatch() {
	if a.rooms != nil {
		a.rooms.Stop()
	}
}

// look has all rooms of a line looked at.
func (q *roomQueue) look(ln *line) { q.change(func() { q.lines[ln] = struct{}{} }) }

// wants reports whether the channel of a room is to be subscribed to.
func (ln *line) wants(room string) bool {
	for _, a := range ln.users() {
		if a.rooms != nil && a.rooms.Has(room) {
			return true
		}
	}
	return false
}

// wanted returns the rooms whose channels are to be subscribed to.
func (ln *line) wanted(mode sharded) (names []string) {
	for _, a := range ln.users() {
		if a.rooms == nil {
			continue
		}
		for _, room := range a.rooms.Rooms() {
			if mode.ownChannel(room) {
				names = append(names, room)
			}
		}
	}
	return names
}

// concerns reports whether what is sent to a room matters to this server.
func (ln *line) concerns(room string) bool {
	for _, a := range ln.users() {
		if w, ok := a.node.(cluster.RoomWatcher); !ok || w.HasRoom(room) {
			return true
		}
	}
	return false
}
