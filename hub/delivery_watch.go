package hub

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/glob"
)

const (
	// maxWatches is how many measurements of this node may run at a time on a hub, and as
	// many of other nodes.
	maxWatches = 16
	// maxWatchedRooms is how many rooms and namespaces a watch counts. Above it, the half
	// of the rooms with the fewest deliveries is dropped.
	maxWatchedRooms = 16 << 10
)

// ErrTooManyMeasurements is the error of a measurement beyond the limit of a node, see
// [Hub.MeasureActivity].
var ErrTooManyMeasurements = fmt.Errorf("%d measurements run, which is the limit", maxWatches)

// roomName names a room of a namespace.
type roomName struct{ namespace, room string }

// deliveryCounts are the deliveries of namespaces and rooms.
type deliveryCounts struct {
	byNamespace map[string]uint64
	byRoom      map[roomName]*uint64
}

// deliveryWatch counts deliveries for one measurement.
type deliveryWatch struct {
	namespaces glob.List // nil means all; static after construction

	mu     sync.Mutex // guards the following; a leaf
	counts deliveryCounts
	closed bool
}

func newDeliveryWatch(namespaces []string) *deliveryWatch {
	w := &deliveryWatch{counts: deliveryCounts{make(map[string]uint64), make(map[roomName]*uint64)}}
	if namespaces != nil {
		w.namespaces = glob.NewSegmentsList(namespaces)
	}
	return w
}

// roomDeliveries is how many sockets of a room an event was queued for.
type roomDeliveries struct {
	room string
	n    int
}

// addDeliveries counts an event that was queued for n sockets of a namespace, by its rooms.
func (w *deliveryWatch) addDeliveries(namespace string, n int, byRoom []roomDeliveries) {
	if w.namespaces != nil && !w.namespaces.Match(namespace) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	counts := w.counts.byNamespace
	if _, known := counts[namespace]; known || len(counts) < maxWatchedRooms {
		counts[namespace] += uint64(n)
	}
	for _, r := range byRoom {
		w.addRoomLocked(roomName{namespace, r.room}, uint64(r.n))
	}
}

func (w *deliveryWatch) addRoomLocked(key roomName, n uint64) {
	byRoom := w.counts.byRoom
	if count := byRoom[key]; count != nil {
		*count += n
		return
	}
	if len(byRoom) >= maxWatchedRooms {
		dropQuietRooms(byRoom)
	}
	key.room = strings.Clone(key.room) // it may be part of a large message
	byRoom[key] = &n
}

// takeCounts returns the counts. Emits that are still under way do not count.
func (w *deliveryWatch) takeCounts() deliveryCounts {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return w.counts
}

// dropQuietRooms drops the half of the rooms with the fewest deliveries.
func dropQuietRooms(byRoom map[roomName]*uint64) {
	counts := make([]uint64, 0, len(byRoom))
	for _, n := range byRoom {
		counts = append(counts, *n)
	}
	slices.Sort(counts)
	left, median := len(counts)-len(counts)/2, counts[len(counts)/2]
	for key, n := range byRoom {
		if len(byRoom) > left && *n <= median {
			delete(byRoom, key)
		}
	}
}

// deliveryWatches are the measurements of a hub that run. While there are none, an emit costs
// an atomic load for them.
type deliveryWatches struct {
	running atomic.Pointer[[]*deliveryWatch] // nil while there are none

	mu sync.Mutex // guards changes of running, and the following; a leaf
	// requested are the measurements that other nodes requested, by their ids.
	requested map[string]*requestedWatch
}

// requestedWatch is a measurement of another node, which a timer ends unless that node reads
// it.
type requestedWatch struct {
	*deliveryWatch
	timer *time.Timer
}

// openWatch begins to count. The caller closes the watch. The error is
// [ErrTooManyMeasurements].
func (d *deliveryWatches) openWatch(namespaces []string) (*deliveryWatch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	running := d.listRunning()
	if len(running)-len(d.requested) >= maxWatches {
		return nil, ErrTooManyMeasurements
	}
	w := newDeliveryWatch(namespaces)
	d.storeLocked(append(running, w))
	return w, nil
}

// closeWatch ends the counting, and returns the counts.
func (d *deliveryWatches) closeWatch(w *deliveryWatch) deliveryCounts {
	d.mu.Lock()
	d.removeLocked(w)
	d.mu.Unlock()
	return w.takeCounts()
}

// requestWatch begins to count for another node, until closeRequested or for a time. Beyond the
// limit it does nothing.
func (h *Hub) requestWatch(id string, namespaces []string, d time.Duration) {
	watches := &h.watches
	watches.mu.Lock()
	defer watches.mu.Unlock()
	if len(watches.requested) >= maxWatches || watches.requested[id] != nil {
		return
	}
	if watches.requested == nil {
		watches.requested = make(map[string]*requestedWatch)
	}
	w := newDeliveryWatch(namespaces)
	watches.requested[id] = &requestedWatch{w, h.afterFunc(d, "measurement of another node", func() { watches.closeRequested(id) })}
	watches.storeLocked(append(watches.listRunning(), w))
}

// closeRequested ends the counting for another node, and returns the counts: none if no
// watch has the id.
func (d *deliveryWatches) closeRequested(id string) (counts deliveryCounts) {
	d.mu.Lock()
	w := d.requested[id]
	delete(d.requested, id)
	if w != nil {
		w.timer.Stop()
		d.removeLocked(w.deliveryWatch)
	}
	d.mu.Unlock()
	if w != nil {
		counts = w.takeCounts()
	}
	return counts
}

// listRunning returns a copy of the list: readers take no lock.
func (d *deliveryWatches) listRunning() []*deliveryWatch {
	if all := d.running.Load(); all != nil {
		return slices.Clone(*all)
	}
	return nil
}

func (d *deliveryWatches) removeLocked(w *deliveryWatch) {
	d.storeLocked(slices.DeleteFunc(d.listRunning(), func(other *deliveryWatch) bool { return other == w }))
}

func (d *deliveryWatches) storeLocked(all []*deliveryWatch) {
	if len(all) == 0 {
		d.running.Store(nil)
		return
	}
	d.running.Store(&all)
}

// noteDeliveries counts an event that was queued for n sockets of the rooms in: for the metrics,
// and for the measurements that run.
func (ns *Namespace) noteDeliveries(in []string, n int) {
	ns.counts.Load().delivered.Add(uint64(n))
	if all := ns.hub.watches.running.Load(); all != nil && n > 0 {
		ns.addDeliveries(*all, in, n)
	}
}

// addDeliveries counts an event for measurements. An event for several rooms counts for each
// of them, with as many sockets as the room has, and n at most: which sockets are in which of
// the rooms is not known.
func (ns *Namespace) addDeliveries(watches []*deliveryWatch, in []string, n int) {
	if len(in) > 1 {
		in = slices.Compact(slices.Sorted(slices.Values(in))) // a client may repeat a name
	}
	byRoom := make([]roomDeliveries, 0, len(in))
	for _, room := range in {
		if !ns.isSharedRoom(room) {
			continue
		}
		reached := n
		if len(in) > 1 {
			reached = min(n, ns.index.Size(room))
		}
		if reached > 0 {
			byRoom = append(byRoom, roomDeliveries{room, reached})
		}
	}
	for _, w := range watches {
		w.addDeliveries(ns.name, n, byRoom)
	}
}
