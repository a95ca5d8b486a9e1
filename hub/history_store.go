package hub

import (
	"container/list"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

const (
	maxHistoryRooms = 10_000    // of a namespace
	maxHistoryBytes = 16 << 20  // of a namespace
	maxHistoryTotal = 256 << 20 // of a hub, and at most an eighth of the memory limit
	// keptEventCost is how many bytes a kept event takes besides its message and data: a
	// keptEvent, and its part of the spare ones of the slice.
	keptEventCost = 112
	// keptRoomCost is how many bytes a room takes besides its events and name.
	keptRoomCost = 128
)

// historyStore holds the kept events of a namespace's rooms. Above its limits, the room whose
// newest event is the oldest goes first. Above the limit of the hub, the namespace that keeps
// most loses rooms. Expired events are never read. They are removed
// when their room is used, or when they are the oldest and another event is kept. So an idle
// store needs no timer.
type historyStore struct {
	part *budget.Part // of all stores of the hub
	rest eio.Meter    // counts messages that clients still wait for when the store drops them

	messages heldMessages

	mu     sync.Mutex               // guards the following; only the lock of a budget.Cache comes after it
	rooms  map[string]*list.Element // of recent
	recent list.List                // of *keptRoom, by their newest events, the newest first
	bytes  int64                    // besides the messages
	closed bool
}

// keptRoom is the kept events of a room, the oldest first. There is at least one.
type keptRoom struct {
	name   string
	rule   *historyRule
	events []keptEvent
}

// keptEvent is an event as sockets that join later get it.
type keptEvent struct {
	message *eio.Message // without an offset
	data    sio.Data     // the zero Data without recovery
	at      time.Time
}

// heldMessages counts the kept messages with their encoded forms, each message once.
type heldMessages struct {
	part  *budget.Part
	bytes atomic.Int64
}

// Add implements [eio.Meter].
func (m *heldMessages) Add(n int) {
	m.bytes.Add(int64(n))
	m.part.Add(n)
}

func newHistoryStore(cache *budget.Cache, rest eio.Meter) *historyStore {
	h := &historyStore{rest: rest, rooms: make(map[string]*list.Element)}
	h.part = cache.NewPart(h.removeBytes)
	h.messages.part = h.part
	return h
}

// encode returns the event for a client. A client with recovery takes the last argument of an
// event for its offset. So it gets the offset of an event that this node delivered last.
func (e *keptEvent) encode(namespace, offset string) *eio.Message {
	if offset == "" || len(e.data.JSON) == 0 {
		return e.message
	}
	op := cluster.Emit{Data: e.data, Flags: cluster.Flags{NoCompress: !e.message.Compress()}}
	m, err := op.Encode(namespace, offset)
	if err != nil {
		return e.message
	}
	return m
}

// size returns the bytes that the event counts besides its message.
func (e *keptEvent) size() int64 { return int64(len(e.data.JSON) + keptEventCost) }

// totalBytes returns the bytes that the store counts. The caller holds mu.
func (h *historyStore) totalBytes() int64 { return h.bytes + h.messages.bytes.Load() }

// recordEvent keeps an event of a room. A target may name a room again: the event is kept
// once.
func (h *historyStore) recordEvent(rule *historyRule, name string, e keptEvent) {
	h.addEvent(rule, name, e)
	h.part.Trim()
}

func (h *historyStore) addEvent(rule *historyRule, name string, e keptEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	place := h.rooms[name]
	if place == nil {
		name = strings.Clone(name) // it may be a part of a large text
		place = h.recent.PushFront(&keptRoom{name: name})
		h.rooms[name] = place
		h.addBytes(int64(len(name) + keptRoomCost))
	}
	h.recent.MoveToFront(place)
	r := place.Value.(*keptRoom)
	r.rule = rule
	if n := len(r.events); n > 0 && r.events[n-1].message == e.message {
		return
	}
	r.events = append(r.events, e)
	e.message.Hold(&h.messages)
	h.addBytes(e.size())
	h.trimRoom(place, e.at)
	h.trimStore(e.at)
}

// readEvents returns the newest events of a room that have at most so many bytes together, the
// oldest first.
func (h *historyStore) readEvents(name string, space int) []keptEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	place := h.rooms[name]
	if place == nil {
		return nil
	}
	h.trimRoom(place, time.Now())
	events := place.Value.(*keptRoom).events
	first := len(events)
	for first > 0 {
		if space -= events[first-1].message.Size(); space < 0 {
			break
		}
		first--
	}
	return append([]keptEvent(nil), events[first:]...)
}

// applyRules applies new rules to the rooms, and removes rooms that no rule matches.
func (h *historyStore) applyRules(rules []historyRule) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, place := range h.rooms {
		r := place.Value.(*keptRoom)
		if r.rule = findHistoryRule(rules, name); r.rule == nil {
			h.removeRoom(place)
			continue
		}
		h.trimRoom(place, time.Now())
	}
}

// closeStore removes all rooms. Later events are not kept.
func (h *historyStore) closeStore() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.recent.Len() > 0 {
		h.removeRoom(h.recent.Back())
	}
	h.closed, h.rooms = true, nil
}

// trimRoom removes the events of a room that are too old or too many, and the room if none is
// left.
func (h *historyStore) trimRoom(place *list.Element, now time.Time) {
	r := place.Value.(*keptRoom)
	for len(r.events) > r.rule.keep || len(r.events) > 0 && now.Sub(r.events[0].at) >= r.rule.maxAge {
		h.removeOldest(r)
	}
	if len(r.events) == 0 {
		h.removeRoom(place)
	}
}

// trimStore removes the rooms whose newest event is the oldest, while the store exceeds its
// limits or the event has expired.
func (h *historyStore) trimStore(now time.Time) {
	for place := h.recent.Back(); place != nil; place = h.recent.Back() {
		r := place.Value.(*keptRoom)
		switch {
		case len(h.rooms) > maxHistoryRooms || h.totalBytes() > maxHistoryBytes:
			h.shrinkOldest(place)
		case now.Sub(r.events[len(r.events)-1].at) >= r.rule.maxAge:
			h.removeRoom(place)
		default:
			return
		}
	}
}

// removeBytes removes about so many bytes: the rooms whose newest event is the oldest.
func (h *historyStore) removeBytes(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for most := h.totalBytes() - n; h.totalBytes() > most && h.recent.Len() > 0; {
		h.shrinkOldest(h.recent.Back())
	}
}

// shrinkOldest removes a room. The last room loses its oldest event instead.
func (h *historyStore) shrinkOldest(place *list.Element) {
	if r := place.Value.(*keptRoom); place == h.recent.Front() && len(r.events) > 1 {
		h.removeOldest(r)
		return
	}
	h.removeRoom(place)
}

func (h *historyStore) removeOldest(r *keptRoom) {
	h.releaseEvent(&r.events[0])
	r.events[0] = keptEvent{} // the slice keeps the memory otherwise
	r.events = r.events[1:]
}

func (h *historyStore) removeRoom(place *list.Element) {
	r := h.recent.Remove(place).(*keptRoom)
	delete(h.rooms, r.name)
	for i := range r.events {
		h.releaseEvent(&r.events[i])
	}
	h.addBytes(-int64(len(r.name) + keptRoomCost))
}

// releaseEvent releases the bytes of an event that is dropped.
func (h *historyStore) releaseEvent(e *keptEvent) {
	e.message.UnholdTo(h.rest)
	h.addBytes(-e.size())
}

func (h *historyStore) addBytes(n int64) {
	h.bytes += n
	h.part.Add(int(n))
}
