package hub

import (
	"cmp"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/glob"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

const (
	defaultKeep = 20
	defaultFor  = time.Hour
)

// history is the room history of a namespace: its rules, and the events that it keeps.
type history struct {
	rules []historyRule
	store *historyStore
}

// historyRule is one [History] of a namespace.
type historyRule struct {
	rooms, events glob.List // no events mean all
	keep          int
	maxAge        time.Duration
}

func newHistoryRules(config []History) (all []historyRule) {
	for _, h := range config {
		all = append(all, historyRule{
			rooms: glob.NewList(h.Rooms), events: glob.NewList(h.Events),
			keep:   min(cmp.Or(h.Keep, defaultKeep), MaxHistory),
			maxAge: cmp.Or(h.For, defaultFor),
		})
	}
	return all
}

// findHistoryRule returns the first rule for a room, or nil.
func findHistoryRule(rules []historyRule, room string) *historyRule {
	for i := range rules {
		if rules[i].rooms.Match(room) {
			return &rules[i]
		}
	}
	return nil
}

// configureHistory gives the namespace the history of its rules. It keeps the events of
// rooms that the rules still match, and releases all others. Rules may be nil.
func (ns *Namespace) configureHistory(r *rules) {
	old := ns.history.Load()
	switch {
	case r == nil || len(r.history) == 0:
		if ns.history.Store(nil); old != nil {
			old.store.closeStore()
		}
	case old == nil:
		ns.history.Store(&history{r.history, newHistoryStore(ns.hub.historyCache, ns.hub.memory.Shared())})
	default:
		ns.history.Store(&history{r.history, old.store})
		old.store.applyRules(r.history)
	}
}

// recorderOfHistory returns a function that keeps an emit for sockets that join its rooms
// later, or nil. Volatile emits are not kept, nor emits to all sockets, nor emits that except
// other rooms than the ones of single sockets. With data, the event can be encoded with the
// offset of a recovery log.
func (ns *Namespace) recorderOfHistory(op *cluster.Emit, plain *eio.Message, withData bool) func() {
	h := ns.history.Load()
	if h == nil || op.Volatile || len(op.In) == 0 || slices.ContainsFunc(op.Except, ns.isSharedRoom) {
		return nil
	}
	if !slices.ContainsFunc(op.In, func(room string) bool { return findHistoryRule(h.rules, room) != nil }) {
		return nil
	}
	names, name, e := op.In, eventName(op.Data), keptEvent{message: plain}
	if withData {
		e.data = op.Data.CloneText()
	}
	return func() {
		e.at = time.Now()
		for _, room := range names {
			r := findHistoryRule(h.rules, room)
			if r == nil || len(r.events) > 0 && !r.events.Match(name) || len(room) > MaxRoomName || !ns.isSharedRoom(room) {
				continue
			}
			h.store.recordEvent(r, room, e)
		}
	}
}

// isSharedRoom reports whether a room is not the one of a socket's own id.
func (ns *Namespace) isSharedRoom(room string) bool { return !isOwnID(room) && !ns.otherIDs.has(room) }

// JoinWithHistory is [Event.JoinUpTo], or [Event.Join] if limit is 0, that sends the socket
// the kept events of the rooms that it was not in before, see [History]. They come before
// later events of these rooms, and each event comes once: an emit is either kept before the
// join, or delivered to the socket. On connect they come after the reply to the connect
// packet. A socket that was recovered on connect gets none: it gets the events that it missed.
//
// The kept events take at most the free half of the client's queue: the oldest ones are left
// out.
func (ev *Event) JoinWithHistory(limit int, rooms ...string) error {
	return ev.joinWith(limit, true, rooms)
}

// historySender returns a function that sends the kept events of a room to the socket,
// unless the room is none of the wanted ones. It is called by the index as the socket joins
// the room. It returns nil if there is nothing to send.
func (s *Socket) historySender(wanted []string) func(room string) {
	h := s.ns.history.Load()
	if h == nil || len(wanted) == 0 {
		return nil
	}
	// Read before the join: a client that recovers gets some events twice rather than never.
	offset := ""
	if r := s.ns.recorder(); r != nil && s.pid != "" {
		offset = r.DeliveredOffset()
	}
	set, sent := rooms.NewSet(wanted), make(map[*eio.Message]struct{})
	return func(room string) {
		if _, ok := set[room]; !ok {
			return
		}
		for _, e := range h.store.readEvents(room, s.historySpace()) {
			if _, again := sent[e.message]; !again {
				sent[e.message] = struct{}{}
				if s.sendKept(e.encode(s.ns.name, offset)) {
					s.ns.noteDeliveries(nil, 1)
				}
			}
		}
	}
}

// historySpace returns how many bytes of kept events the socket's queue takes.
func (s *Socket) historySpace() int {
	space := s.client.session.QueueSpace()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admission != nil {
		space -= s.admission.heldHistoryBytes
	}
	return space
}

// sendKept queues a kept event, or holds it until the socket's connect packet is sent, and
// reports whether it did. The index is locked meanwhile.
func (s *Socket) sendKept(m *eio.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch a := s.admission; {
	case a != nil:
		a.heldDeliveries = append(a.heldDeliveries, delivery{message: m})
		a.heldHistory++
		a.heldHistoryBytes += m.Size()
		return true
	case s.isConnected():
		return s.client.session.Send(m)
	}
	return false
}
