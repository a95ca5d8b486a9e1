package hub

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// WatchRooms implements [cluster.RoomWatcher]. With recovery, an empty room exists as long as
// the client of its last socket may recover it: events to the room must arrive meanwhile.
func (n node) WatchRooms(changed func(room string)) cluster.RoomWatch {
	ns := n.ns
	w := &roomWatch{ns: ns, changed: changed, emptyRooms: make(map[string]time.Time)}
	w.cancel = ns.index.Subscribe(w.handleRoomEvent)
	return w
}

// emptyRoomDelay is how long an empty room is there after the recovery time.
const emptyRoomDelay = 5 * time.Second

// maxEmptyRooms is how many empty rooms exist at a time for recovery.
const maxEmptyRooms = 100_000

// roomWatch is a view of a namespace's rooms.
type roomWatch struct {
	ns      *Namespace
	changed func(room string)
	cancel  func()

	mu          sync.Mutex           // guards the following; a leaf
	emptyRooms  map[string]time.Time // empty rooms, and when they expire
	expiryOrder []emptyRoom          // the oldest first; some are in use again
	timer       *time.Timer          // nil if there is no empty room
	stopped     bool
}

// emptyRoom is a room that the last socket left.
type emptyRoom struct {
	name  string
	until time.Time
}

// handleRoomEvent handles the creation and deletion of a room.
func (w *roomWatch) handleRoomEvent(ev rooms.Event[*Socket]) {
	switch ev.Kind {
	case rooms.Create:
		w.mu.Lock()
		delete(w.emptyRooms, ev.Room)
		w.mu.Unlock()
		w.changed(ev.Room)
	case rooms.Delete:
		if recovery := w.ns.hub.recoveryTime(); recovery > 0 {
			w.keepEmptyRoom(ev.Room, recovery+emptyRoomDelay)
		} else {
			w.changed(ev.Room)
		}
	}
}

// keepEmptyRoom keeps an empty room for d.
func (w *roomWatch) keepEmptyRoom(room string, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	until := time.Now().Add(d)
	w.emptyRooms[room] = until
	w.expiryOrder = append(w.expiryOrder, emptyRoom{room, until})
	if w.timer == nil {
		w.timer = w.ns.hub.afterFunc(d, "forget rooms", w.dropExpiredRooms)
	} else if len(w.expiryOrder) > maxEmptyRooms {
		w.timer.Reset(0)
	}
}

// dropExpiredRooms drops the empty rooms that have expired.
func (w *roomWatch) dropExpiredRooms() {
	w.mu.Lock()
	w.timer = nil
	now, n := time.Now(), 0
	var gone []string
	for n < len(w.expiryOrder) && (!w.expiryOrder[n].until.After(now) || len(w.expiryOrder)-n > maxEmptyRooms) {
		if r := w.expiryOrder[n]; w.emptyRooms[r.name].Equal(r.until) {
			delete(w.emptyRooms, r.name)
			gone = append(gone, r.name)
		}
		n++
	}
	clear(w.expiryOrder[:n])
	if w.expiryOrder = w.expiryOrder[n:]; len(w.expiryOrder) == 0 {
		w.expiryOrder = nil
	} else if !w.stopped {
		w.timer = w.ns.hub.afterFunc(time.Until(w.expiryOrder[0].until), "forget rooms", w.dropExpiredRooms)
	}
	stopped := w.stopped
	w.mu.Unlock()
	for _, room := range gone {
		if !stopped {
			w.changed(room)
		}
	}
}

// Has implements [cluster.RoomWatch].
func (w *roomWatch) Has(room string) bool {
	if w.ns.index.Size(room) > 0 {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, left := w.emptyRooms[room]
	return left
}

// Rooms implements [cluster.RoomWatch].
func (w *roomWatch) Rooms() []string {
	names := w.ns.roomNames()
	w.mu.Lock()
	defer w.mu.Unlock()
	for room := range w.emptyRooms {
		names = append(names, room)
	}
	return names
}

// Stop implements [cluster.RoomWatch].
func (w *roomWatch) Stop() {
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
	clear(w.emptyRooms)
	w.expiryOrder = nil
}
