package adminui

import (
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

const (
	maxQueue = 4096 // messages that wait; more are dropped
	// maxEvents is how many events of clients and to clients are shown in a second, and
	// maxEventBytes how many bytes of them. The web app does not follow more, and a viewer
	// that polls must not become a slow client.
	maxEvents     = 200
	maxEventBytes = 256 << 10
	// maxEventSize is the size up to which the arguments of an event are shown.
	maxEventSize = 16 << 10
	// maxChangeBytes is how many bytes of all other messages are sent in a second. Beyond it,
	// viewers get the whole list later.
	maxChangeBytes = 512 << 10
)

// item is one message to viewers.
type item struct {
	event   string
	args    []any
	size    int         // about, in bytes
	polling *hub.Socket // a socket whose transport may change; nil for most messages
}

// queue holds messages until the goroutine of the console sends them. The zero value is
// empty.
type queue struct {
	mu         sync.Mutex // guards the following; a leaf
	items      []item
	events     int // shown since the last resetBudget
	eventBytes int // of their data
	// changed are sockets with new data. It is sent once a second, however often it changes.
	changed     map[*hub.Socket]struct{}
	changeBytes int  // of messages that are no events, since the last resetBudget
	dropped     bool // messages were dropped because of a limit
}

// pushItem adds a message, which changes the state of viewers unless it is an event. It reports
// whether it is the first one.
func (q *queue) pushItem(i item, isEvent bool) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= maxQueue || !isEvent && !q.admitChangeLocked(i.size) {
		q.dropped = true
		return false
	}
	q.items = append(q.items, i)
	return len(q.items) == 1
}

// takeItems removes all messages. dropped reports whether messages were dropped before.
func (q *queue) takeItems() (items []item, dropped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, dropped = q.items, q.dropped
	q.items, q.dropped = nil, false
	return items, dropped
}

// setDropped notes that messages were dropped.
func (q *queue) setDropped() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped = true
}

// admitEvent reports whether another event, of so many bytes, may be shown.
func (q *queue) admitEvent(size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events++
	q.eventBytes += min(size, maxEventSize)
	return q.events <= maxEvents && q.eventBytes <= maxEventBytes
}

// admitChangeLocked reports whether a message of so many bytes that is no event may be sent.
func (q *queue) admitChangeLocked(size int) bool {
	if q.changeBytes+size > maxChangeBytes {
		return false
	}
	q.changeBytes += size
	return true
}

// admitChange is admitChangeLocked for a caller without mu.
func (q *queue) admitChange(size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.admitChangeLocked(size)
}

// addChanged notes that a socket has new data.
func (q *queue) addChanged(s *hub.Socket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed == nil {
		q.changed = make(map[*hub.Socket]struct{})
	}
	if _, known := q.changed[s]; !known && len(q.changed) >= maxQueue {
		q.dropped = true
		return
	}
	q.changed[s] = struct{}{}
}

// takeChanged removes and returns the sockets with new data.
func (q *queue) takeChanged() map[*hub.Socket]struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	changed := q.changed
	q.changed = nil
	return changed
}

// resetBudget allows the events and bytes of another second.
func (q *queue) resetBudget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events, q.eventBytes, q.changeBytes = 0, 0, 0
}

// queueObservation queues the message of an observation, and wakes the goroutine. It does
// not wait.
func (c *Console) queueObservation(o hub.Observation) {
	if o.Kind == hub.ConnectRefused {
		return // the web app does not show it
	}
	if o.Kind == hub.DataChanged {
		c.queue.addChanged(o.Socket)
		return
	}
	namespace := o.Socket.Namespace().Name()
	isEvent := o.Kind == hub.EventReceived || o.Kind == hub.EventSent
	if isEvent && (namespace == Namespace || !c.queue.admitEvent(o.Data.Size())) {
		return
	}
	if !c.queue.pushItem(newItem(o, namespace, isoTime(time.Now())), isEvent) {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// newItem returns the message of an observation.
func newItem(o hub.Observation, namespace, now string) item {
	id := o.Socket.ID()
	size := len(namespace) + len(id) + len(o.Room) + len(o.Reason) + len(now)
	switch o.Kind {
	case hub.SocketConnected:
		m := newSocketMessage(hub.DescribeSocket(o.Socket), namespace)
		text := m.encode(maxSocketSize)
		i := item{event: "socket_connected", args: []any{sio.Data{JSON: text}, now}, size: len(text)}
		if m.Transport == "polling" {
			i.polling = o.Socket
		}
		return i
	case hub.SocketDisconnected:
		return item{event: "socket_disconnected", args: []any{namespace, id, o.Reason, now}, size: size}
	case hub.RoomJoined:
		return item{event: "room_joined", args: []any{namespace, o.Room, id, now}, size: size}
	case hub.RoomLeft:
		return item{event: "room_left", args: []any{namespace, o.Room, id, now}, size: size}
	case hub.EventReceived:
		return item{event: "event_received", args: []any{namespace, id, clipEvent(o.Data), now}}
	default:
		return item{event: "event_sent", args: []any{namespace, id, clipEvent(o.Data), now}}
	}
}

// clipEvent returns an event as it is shown: without its arguments if they are large.
func clipEvent(data sio.Data) sio.Data {
	if data.Size() <= maxEventSize {
		return data
	}
	name, _ := data.Index(0)
	return sio.Array(name, sio.Quote(fmt.Sprintf("(%d bytes)", data.Size())))
}
