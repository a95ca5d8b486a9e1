package redisadapter

import (
	"context"
	"errors"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/redis/rueidis"
)

const (
	pageCount = 500    // entries read at once
	maxMissed = 10_000 // events that a client may have missed
)

// Replay reads the stream from the offset and position of a lost socket to its end. The
// entries that this node queued before are in the stream by then.
func (r *recorder) Replay(ctx context.Context, lost cluster.LostSocket) (missed cluster.Replay, err error) {
	c := r.codec
	s, err := c.conn.waitSubscribed(ctx, c.namespace)
	if err != nil {
		return missed, err
	}
	if err := c.waitPublished(ctx); err != nil {
		return missed, err
	}
	m := eventCollector{codec: c, emitsAfter: lost.Offset, operationsAfter: lost.Position, membership: cluster.NewMembership(lost.Rooms), marks: rooms.NewSet(lost.Marks)}
	if !isEntryID(m.operationsAfter) {
		m.operationsAfter = m.emitsAfter
	}
	offset := m.emitsAfter
	if compareEntryIDs(m.operationsAfter, offset) < 0 {
		offset = m.operationsAfter
	}
	for {
		page := s.client.B().Xrange().Key(c.streams.stream).Start(nextEntryID(offset)).End("+").Count(pageCount).Build()
		entries, err := s.client.Do(ctx, page).AsXRange()
		if err != nil && !rueidis.IsRedisNil(err) {
			return missed, err
		}
		for i := range entries {
			m.addEntry(&entries[i])
			offset = entries[i].ID
		}
		if len(m.events) > maxMissed {
			return missed, errors.New("redis_streams: too many events to replay")
		}
		if len(entries) < pageCount {
			member := m.membership
			return cluster.Replay{Events: m.events, Rooms: member.Rooms, Data: member.Data, Disconnected: member.Disconnected, Offset: offset}, nil
		}
	}
}

// eventCollector collects the events and operations of a lost socket from entries.
type eventCollector struct {
	codec           *streamsCodec
	emitsAfter      string // the offset after which emits apply
	operationsAfter string // the offset after which operations apply
	membership      *cluster.Membership
	marks           rooms.Set // of events that the socket received without an offset
	events          []*eio.Message
}

// addEntry adds the next entry, if it concerns the socket. Volatile events are left out.
func (m *eventCollector) addEntry(entry *rueidis.XRangeEntry) {
	f := entry.FieldValues
	if _, got := m.marks[formatMark(f["uid"], f["tag"])]; got || f["nsp"] != m.codec.id.name {
		return
	}
	typ, err := strconv.Atoi(f["type"])
	if err != nil || !isOperationType(typ) || len(f["data"]) > maxMessageSize {
		return
	}
	msg, err := decodeEntry(typ, f["data"])
	if err != nil {
		return
	}
	msg.entryID = entry.ID
	op, err := msg.parseOperation()
	if err != nil {
		return
	}
	emit, isEmit := op.(cluster.Emit)
	switch {
	case isEmit && !emit.Volatile && compareEntryIDs(entry.ID, m.emitsAfter) > 0 && m.membership.Matches(emit.Target):
		if event, err := emit.Encode(m.codec.id.name, entry.ID); err == nil { // no socket got an invalid one
			m.events = append(m.events, event)
		}
	case !isEmit && compareEntryIDs(entry.ID, m.operationsAfter) > 0:
		m.membership.Apply(op)
	}
}
