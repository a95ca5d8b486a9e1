package redisstreams

import (
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
)

// Events go by the stream. Requests and server-side emits go by channels, and would
// overtake them. So they name the last entry of their sender, and a node handles them
// after that entry. Node.js ignores the name.

const (
	orderTime = time.Second // for which a message waits for an entry
	maxHeld   = 1024        // messages that wait
)

// heldMessage waits for an entry to be read.
type heldMessage struct {
	delivery
	after string
	timer *time.Timer
}

// withAfter adds the id of an entry to a message.
func withAfter(payload, id string) string {
	b := make([]byte, 0, len(payload)+len(id)+8)
	b = append(b, payload...)
	b[0]++ // it is a map of a few
	return string(msgpack.AppendString(msgpack.AppendString(b, "after"), id))
}

// noteAdded notes the id of the newest entry of this line.
func (ln *line) noteAdded(id string) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.added = id
}

// ordered returns the payload of a message that follows the entries of its line.
func (m *outgoing) ordered() string {
	if m.line == nil {
		return m.payload
	}
	m.line.mu.Lock()
	id := m.line.added
	m.line.mu.Unlock()
	if id == "" {
		return m.payload
	}
	return withAfter(m.payload, id)
}

// hold keeps a message until an entry is handled, but not for long. It is false for a
// message that need not wait.
func (ln *line) hold(d delivery, after string) bool {
	if d.ordered || !validID(after) {
		return false
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if compareIDs(ln.applied, after) >= 0 || len(ln.held) >= maxHeld || len(ln.adapters) == 0 {
		return false
	}
	d.ordered = true
	if compareIDs(ln.link.readPosition(), after) >= 0 {
		ln.add(d) // the entry may be in the inbox, behind this message
		return true
	}
	h := &heldMessage{delivery: d, after: after}
	h.timer = time.AfterFunc(orderTime, func() {
		ln.releaseHeld(func(other *heldMessage) bool { return other == h })
	})
	ln.held = append(ln.held, h)
	return true
}

// releaseHeld has messages handled that match.
func (ln *line) releaseHeld(match func(*heldMessage) bool) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.held = slices.DeleteFunc(ln.held, func(h *heldMessage) bool {
		if !match(h) {
			return false
		}
		h.timer.Stop()
		ln.add(h.delivery)
		return true
	})
}

// releaseUpTo has the messages handled that wait for an entry up to one.
func (ln *line) releaseUpTo(id string) {
	ln.releaseHeld(func(h *heldMessage) bool { return compareIDs(h.after, id) <= 0 })
}

// dropHeld forgets the messages that wait. The caller holds mu.
func (ln *line) dropHeld() {
	for _, h := range ln.held {
		h.timer.Stop()
	}
	ln.held = nil
}

// readPosition returns the last entry that was read.
func (l *link) readPosition() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.position
}
