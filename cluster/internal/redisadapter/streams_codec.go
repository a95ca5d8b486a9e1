package redisadapter

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/redis/rueidis"
)

// streamsCodec is one namespace in the streams dialect.
type streamsCodec struct {
	*namespace
	streams *streams
	tags    atomic.Uint64 // given to entries so far

	// The namespace's mu guards the following.

	records []*record // events of this node whose entries are yet to be read, in order
	applied string    // id of the last entry that was handled
	added   string    // id of this node's newest entry in this session
	held    []*heldMessage
}

func (c *streamsCodec) fixedRoutes() []route {
	return []route{{name: c.names.requests, kind: orderedDelivery}, {name: c.names.ownReplies, kind: orderedDelivery}}
}

// enqueueEntry queues an entry of the stream to be handled. An entry of this node is
// needed only while an event is being recorded.
func (c *streamsCodec) enqueueEntry(entry *rueidis.XRangeEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.adapters) == 0 || c.isOwn(entry) && len(c.records) == 0 {
		return
	}
	c.enqueue(delivery{kind: entryDelivery, payload: entry.FieldValues["data"], entry: *entry})
}

// isOwn reports whether this node added an entry.
func (c *streamsCodec) isOwn(entry *rueidis.XRangeEntry) bool {
	return entry.FieldValues["uid"] == c.uid
}

func (c *streamsCodec) handleDelivery(d delivery) error {
	if d.kind != entryDelivery {
		return c.handleMessage(d)
	}
	err := c.handleEntry(d)
	c.mu.Lock()
	c.applied = d.entry.ID
	c.mu.Unlock()
	return err
}

// handleEntry applies the operation of an entry, or delivers the recorded event of an
// entry of this node.
func (c *streamsCodec) handleEntry(d delivery) error {
	if c.isOwn(&d.entry) {
		c.deliverRecord(&d.entry)
		return nil
	}
	if len(d.payload) > maxMessageSize {
		return fmt.Errorf("%s: %w", c.conn.name, errTooLarge)
	}
	typ, err := strconv.Atoi(d.entry.FieldValues["type"])
	if err != nil || !isOperationType(typ) {
		return nil // heartbeats of older versions
	}
	m, err := decodeEntry(typ, d.payload)
	if err != nil {
		return err
	}
	m.entryID = d.entry.ID
	op, err := m.parseOperation()
	if err == nil && op != nil {
		c.applyOperation(op)
	}
	return err
}

// isOperationType reports whether entries of a type are operations.
func isOperationType(typ int) bool {
	return typ >= messages.TypeEmit && typ <= messages.TypeDisconnect || typ == messages.TypeSetData
}

// parseOperation returns the operation of an entry; nil for a request of an older version,
// which none of this version replies to.
func (m *streamsMessage) parseOperation() (cluster.Operation, error) {
	o, err := m.RequireOpts()
	if err != nil {
		return nil, err
	}
	switch m.Type {
	case messages.TypeEmit:
		if m.RequestID == "" {
			return m.parseEmit()
		}
	case messages.TypeJoin:
		return cluster.Join{Target: o.Target(), Rooms: m.Rooms}, nil
	case messages.TypeLeave:
		return cluster.Leave{Target: o.Target(), Rooms: m.Rooms}, nil
	case messages.TypeSetData:
		return m.Assignment.Operation(o.Target())
	case messages.TypeDisconnect:
		return cluster.Disconnect{Target: o.Target(), Close: m.Close}, nil
	}
	return nil, nil
}

// handleMessage handles a message of a channel, after the entry that it names.
func (c *streamsCodec) handleMessage(d delivery) error {
	m, err := decodeMessage(d.payload)
	if err != nil || m.UID == c.uid || m.Nsp != c.id.name {
		return err
	}
	if c.holdMessage(d, m.After) {
		return nil
	}
	switch m.Type {
	case messages.TypeSockets, messages.TypeServerAck, messages.TypeClientCount, messages.TypeClientAck, messages.TypeStaleClosed:
		if !c.pending.routeReply(string(m.RequestID), rawReply{message: &m.Message}, m.Data.Size()) {
			c.conn.countLost("too many replies at once")
		}
		return nil
	case messages.TypeServerEmit:
		return c.handleServerEmit(&m.Message)
	case messages.TypeFetchSockets:
		o, err := m.RequireOpts()
		if err != nil {
			return err
		}
		return c.replyToMessage(&m.Message, cluster.FetchSockets{Target: o.Target()}, 0)
	case messages.TypeCloseStale:
		if m.PID == "" {
			return fmt.Errorf("%w: message of type %d without a pid", messages.ErrMalformed, m.Type)
		}
		return c.replyToMessage(&m.Message, cluster.CloseStale{PID: string(m.PID), Identity: string(m.Identity)}, 0)
	case messages.TypeEmit:
		emit, err := m.parseEmit()
		if err != nil {
			return err
		}
		return c.replyToMessage(&m.Message, cluster.EmitAck{Emit: emit}, time.Duration(m.Opts.Flags.Timeout)*time.Millisecond)
	}
	return fmt.Errorf("%w: message of type %d", messages.ErrMalformed, m.Type)
}
