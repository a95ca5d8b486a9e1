package tail

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

const (
	// maxItems is how many records may wait for the reader of a tail, and maxBytes how many
	// bytes of events.
	maxItems = 16 << 10
	maxBytes = 8 << 20
)

// item is a record that waits: an observation, or lines of another node.
type item struct {
	at          time.Time
	observation hub.Observation
	lines       []byte
}

// queue holds records until they are read. No one waits for it: beyond its limits it ends.
type queue struct {
	filter Filter
	wake   chan struct{} // has room for one; never closed

	mu      sync.Mutex // guards the following; a leaf
	matcher *matcher
	items   []item
	bytes   int
	ended   string // why no record is added any more
}

func newQueue(f Filter) *queue {
	return &queue{filter: f, wake: make(chan struct{}, 1), matcher: newMatcher(f)}
}

// addObservation adds an observation that the filter selects.
func (q *queue) addObservation(o hub.Observation) {
	user := ""
	if q.filter.User != "" && o.Socket != nil {
		user = hub.UserOf(o.Socket) // without the lock: it takes the one of the socket
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended == "" && q.matcher.match(o, user) {
		q.addLocked(item{at: time.Now(), observation: o}, o.Data.Size())
	}
}

// addLines adds lines of another node.
func (q *queue) addLines(lines []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended == "" {
		q.addLocked(item{lines: lines}, len(lines))
	}
}

func (q *queue) addLocked(i item, size int) {
	if len(q.items) >= maxItems || q.bytes+size > maxBytes {
		q.endLocked(reasonSlow)
		return
	}
	q.items = append(q.items, i)
	q.bytes += size
	if len(q.items) == 1 {
		q.notifyReader()
	}
}

// reasonSlow is the reason of the last record of a tail that is read too slowly.
const reasonSlow = "the tail was too slow: records were dropped"

// end ends the queue with a reason. Records that wait are still read.
func (q *queue) end(reason string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.endLocked(reason)
}

func (q *queue) endLocked(reason string) {
	if q.ended == "" {
		q.ended = reason
		q.notifyReader()
	}
}

func (q *queue) notifyReader() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// takeItems removes all records. ended is not empty if there will be no others.
func (q *queue) takeItems() (items []item, ended string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, ended = q.items, q.ended
	q.items, q.bytes = nil, 0
	return items, ended
}

// addMembers adds the sockets that are in the room of the filter.
func (q *queue) addMembers(h *hub.Hub) {
	if q.filter.Room == "" {
		return
	}
	for _, ns := range h.Namespaces() {
		members := hub.MembersOf(ns, q.filter.Room)
		q.mu.Lock()
		q.matcher.addMembers(members)
		q.mu.Unlock()
	}
}
