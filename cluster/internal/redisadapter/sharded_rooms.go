package redisadapter

import (
	"errors"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/redis/rueidis"
)

// errNoRooms is the error of a node that does not implement cluster.RoomWatcher.
var errNoRooms = errors.New("redis: the node does not report its rooms; only sharded static works without them")

// roomKey is a room of a namespace.
type roomKey struct {
	namespace *namespace
	room      string
}

// roomChanges holds the rooms that came or went until the session has compared them with
// its subscriptions. Without a session it holds nothing: the next one checks all rooms.
type roomChanges struct {
	wake chan struct{} // holds a token after a change; never closed

	mu         sync.Mutex // guards the following; a leaf
	active     bool       // there is a session
	rooms      map[roomKey]struct{}
	namespaces map[*namespace]struct{} // whose rooms are all to be checked
	moved      []string                // channels whose slot went to another server
}

// startHolding makes changes be held, for a new session.
func (q *roomChanges) startHolding() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active, q.rooms, q.namespaces, q.moved = true, make(map[roomKey]struct{}), make(map[*namespace]struct{}), nil
}

// stopHolding drops all changes.
func (q *roomChanges) stopHolding() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active, q.rooms, q.namespaces, q.moved = false, nil, nil, nil
}

// takeChanges removes and returns all changes.
func (q *roomChanges) takeChanges() (rooms map[roomKey]struct{}, namespaces map[*namespace]struct{}, moved []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rooms, namespaces, moved = q.rooms, q.namespaces, q.moved
	q.rooms, q.namespaces, q.moved = make(map[roomKey]struct{}), make(map[*namespace]struct{}), nil
	return rooms, namespaces, moved
}

// addChange calls add, with mu held, and wakes the session, if there is one.
func (q *roomChanges) addChange(add func()) {
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

// noteMoved adds channels that Redis unsubscribes because their slot has moved. Channels
// that this node unsubscribes arrive here, too, and make no difference.
func (q *roomChanges) noteMoved(s rueidis.PubSubSubscription) {
	if s.Kind == "sunsubscribe" {
		q.addChange(func() { q.moved = append(q.moved, s.Channel) })
	}
}

// watchRooms follows the rooms of an adapter's node, unless no room has a channel.
func (d *sharded) watchRooms(a *adapter) error {
	if d.mode == Static {
		return nil
	}
	w, ok := a.node.(cluster.RoomWatcher)
	if !ok {
		return errNoRooms
	}
	ns, q := a.namespace, &d.changes
	a.rooms = w.WatchRooms(func(room string) {
		if d.mode.hasChannel(room) {
			q.addChange(func() { q.rooms[roomKey{ns, room}] = struct{}{} })
		}
	})
	return nil
}

// checkRooms has all rooms of a namespace compared with the subscriptions.
func (d *sharded) checkRooms(ns *namespace) {
	d.changes.addChange(func() { d.changes.namespaces[ns] = struct{}{} })
}

// needsRoom reports whether the channel of a room is to be subscribed.
func (ns *namespace) needsRoom(room string) bool {
	for _, a := range ns.openAdapters() {
		if a.rooms != nil && a.rooms.Has(room) {
			return true
		}
	}
	return false
}

// neededRooms returns the rooms whose channels are to be subscribed.
func (ns *namespace) neededRooms(mode Mode) (names []string) {
	for _, a := range ns.openAdapters() {
		if a.rooms == nil {
			continue
		}
		for _, room := range a.rooms.Rooms() {
			if mode.hasChannel(room) {
				names = append(names, room)
			}
		}
	}
	return names
}
