package hub

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// WatchRooms implements [cluster.RoomWatcher]. With recovery, a room is there for
// as long after its last socket left as that one's client may come back: what is
// sent to it meanwhile has to arrive.
func (n node) WatchRooms(changed func(room string)) cluster.RoomWatch {
	ns := n.ns
	w := &roomWatch{ns: ns, changed: changed, left: make(map[string]time.Time)}
	w.cancel = ns.index.Subscribe(w.see)
	return w
}

// emptyRoomDelay is how long an empty room is there after the recovery time.
const emptyRoomDelay = 5 * time.Second

// maxLeft bounds how many rooms are there for those only who may come back.
const maxLeft = 100_000

// roomWatch is a view of a namespace's rooms.
type roomWatch struct {
	ns      *Namespace
	changed func(room string)
	cancel  func()

	mu      sync.Mutex           // guards the following; a leaf
	left    map[string]time.Time // empty rooms, and until when they are there
	order   []leftRoom           // the oldest first; some are in use again
	timer   *time.Timer          // nil when nobody left
	stopped bool
}

// leftRoom is a room that the last socket left.
type leftRoom struct {
	name  string
	until time.Time
}

// see takes note of what happened to a room.
func (w *roomWatch) see(ev rooms.Event[*Socket]) {
	switch ev.Kind {
	case rooms.Create:
		w.mu.Lock()
		delete(w.left, ev.Room)
		w.mu.Unlock()
		w.changed(ev.Room)
	case rooms.Delete:
		if recovery := w.ns.hub.recoveryTime(); recovery > 0 {
			w.leave(ev.Room, recovery+emptyRoomDelay)
		} else {
			w.changed(ev.Room)
		}
	}
}

// leave keeps an empty room for a while.
func (w *roomWatch) leave(room string, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	until := time.Now().Add(d)
	w.left[room] = until
	w.order = append(w.order, leftRoom{room, until})
	if w.timer == nil {
		w.timer = w.ns.hub.after(d, "forget rooms", w.forget)
	} else if len(w.order) > maxLeft {
		w.timer.Reset(0)
	}
}

// forget ends the empty rooms whose time is over.
func (w *roomWatch) forget() {
	w.mu.Lock()
	w.timer = nil
	now, n := time.Now(), 0
	var gone []string
	for n < len(w.order) && (!w.order[n].until.After(now) || len(w.order)-n > maxLeft) {
		if r := w.order[n]; w.left[r.name].Equal(r.until) {
			delete(w.left, r.name)
			gone = append(gone, r.name)
		}
		n++
	}
	clear(w.order[:n])
	if w.order = w.order[n:]; len(w.order) == 0 {
		w.order = nil
	} else if !w.stopped {
		w.timer = w.ns.hub.after(time.Until(w.order[0].until), "forget rooms", w.forget)
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
	_, left := w.left[room]
	return left
}

// Rooms implements [cluster.RoomWatch].
func (w *roomWatch) Rooms() []string {
	names := w.ns.roomNames()
	w.mu.Lock()
	defer w.mu.Unlock()
	for room := range w.left {
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
	clear(w.left)
	w.order = nil
}
