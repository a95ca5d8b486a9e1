package redisadapter

import (
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
)

// Events travel by the stream. Requests and server-side emits travel by channels, and
// would overtake them. So they name the last entry of their sender, and a node handles
// them after that entry. Node.js ignores the name.

const (
	maxHoldTime = time.Second // that a message waits for its entry
	maxHeld     = 1024        // messages that wait at once
)

// heldMessage is a message that waits until an entry is read.
type heldMessage struct {
	delivery
	after string // id of the entry
	timer *time.Timer
}

// appendAfter adds the id of an entry to a message.
func appendAfter(payload, id string) string {
	b := make([]byte, 0, len(payload)+len(id)+8)
	b = append(b, payload...)
	b[0]++ // the size of a small map
	return string(msgpack.AppendString(msgpack.AppendString(b, "after"), id))
}

// noteAdded keeps the id of this node's newest entry.
func (c *streamsCodec) noteAdded(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.added = id
}

// orderedPayload returns the payload of a message, with the id of the entry before it.
func (cmd *command) orderedPayload() string {
	if cmd.stream == nil {
		return cmd.payload
	}
	cmd.stream.mu.Lock()
	id := cmd.stream.added
	cmd.stream.mu.Unlock()
	if id == "" {
		return cmd.payload
	}
	return appendAfter(cmd.payload, id)
}

// holdMessage holds a message back until an entry is handled, at most for maxHoldTime. It
// returns false for a message that need not wait.
func (c *streamsCodec) holdMessage(d delivery, after string) bool {
	if d.ordered || !isEntryID(after) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if compareEntryIDs(c.applied, after) >= 0 || len(c.held) >= maxHeld || len(c.adapters) == 0 {
		return false
	}
	d.ordered = true
	if compareEntryIDs(c.streams.readPosition(), after) >= 0 {
		c.enqueue(d) // the entry may be in the inbox, behind this message
		return true
	}
	h := &heldMessage{delivery: d, after: after}
	h.timer = time.AfterFunc(maxHoldTime, func() {
		c.releaseMessages(func(other *heldMessage) bool { return other == h })
	})
	c.held = append(c.held, h)
	return true
}

// releaseMessages moves the held messages that match to the inbox.
func (c *streamsCodec) releaseMessages(match func(*heldMessage) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = slices.DeleteFunc(c.held, func(h *heldMessage) bool {
		if !match(h) {
			return false
		}
		h.timer.Stop()
		c.enqueue(h.delivery)
		return true
	})
}

// releaseUpTo moves the messages that wait for an entry, or one before it, to the inbox.
func (c *streamsCodec) releaseUpTo(id string) {
	c.releaseMessages(func(h *heldMessage) bool { return compareEntryIDs(h.after, id) <= 0 })
}

func (c *streamsCodec) dropHeld() {
	for _, h := range c.held {
		h.timer.Stop()
	}
	c.held = nil
}

// readPosition returns the id of the last entry that was read.
func (d *streams) readPosition() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.position
}
