package redisstreams

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/redis/rueidis"
)

const (
	pageCount    = 500    // entries in one go
	maxMissed    = 10_000 // events that a client may have missed
	maxPIDLength = 64
)

var errNotYet = errors.New("not connected")

// session as servers keep it; Node's have no more than the first four.
type savedSession struct {
	SID      peer.Text       `json:"sid"`
	PID      peer.Text       `json:"pid"`
	Rooms    peer.RoomList   `json:"rooms"`
	Data     json.RawMessage `json:"data"`
	Nsp      *peer.Text      `json:"nsp"`
	Values   json.RawMessage `json:"values"`
	Offset   peer.Text       `json:"offset"`
	Identity peer.Text       `json:"identity"`
	Lost     peer.Text       `json:"lost"` // milliseconds since 1970
	Position peer.Text       `json:"position"`
	Marks    peer.RoomList   `json:"marks"`
}

// encodeSession returns base64 of MessagePack {sid, pid, rooms, data, nsp, values,
// offset, identity, lost, position, marks}. Node's adapter ignores what it does not know.
func encodeSession(s cluster.LostSocket, namespace string) (string, error) {
	names, err := peer.Stringify(append(peer.RoomList{}, s.Rooms...))
	if err != nil {
		return "", err
	}
	var parts [][]byte
	var values []sio.Data
	add := func(name string, value sio.Data) {
		parts = append(parts, []byte(`,"`+name+`":`))
		values = append(values, value)
	}
	add("sid", quoted(s.ID))
	parts[0][0] = '{'
	add("pid", quoted(s.PID))
	add("rooms", sio.Data{JSON: names})
	add("data", s.Data)
	add("nsp", quoted(namespace))
	if len(s.Values.JSON) > 0 {
		add("values", s.Values)
	}
	add("offset", quoted(s.Offset))
	add("identity", quoted(s.Identity))
	if !s.Lost.IsZero() {
		add("lost", quoted(strconv.FormatInt(s.Lost.UnixMilli(), 10)))
	}
	add("position", quoted(s.Position))
	if len(s.Marks) > 0 {
		marks, err := peer.Stringify(s.Marks)
		if err != nil {
			return "", err
		}
		add("marks", sio.Data{JSON: marks})
	}
	parts = append(parts, []byte("}"))
	b, err := msgpack.AppendData(nil, sio.Splice(parts, values))
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

func quoted(s string) sio.Data {
	b, _ := peer.Stringify(s) // strings always marshal
	return sio.Data{JSON: b}
}

// decodeSession reads what encodeSession or Node's adapter wrote. Errors wrap
// peer.ErrMalformed.
func decodeSession(value, namespace string) (s cluster.LostSocket, err error) {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return s, fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	r := msgpack.NewReader(string(b))
	whole := r.Data()
	if err := r.End(); err != nil {
		return s, fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	var saved savedSession
	if err := json.Unmarshal(whole.JSON, &saved); err != nil {
		return s, fmt.Errorf("%w: %w", peer.ErrMalformed, err)
	}
	if saved.SID == "" || saved.PID == "" {
		return s, fmt.Errorf("%w: session without ids", peer.ErrMalformed)
	}
	s = cluster.LostSocket{
		ID: string(saved.SID), PID: string(saved.PID), Rooms: saved.Rooms, Offset: string(saved.Offset), Known: saved.Nsp != nil,
		Identity: string(saved.Identity), Position: string(saved.Position), Marks: saved.Marks,
	}
	if ms, err := strconv.ParseInt(string(saved.Lost), 10, 64); err == nil {
		s.Lost = time.UnixMilli(ms)
	}
	s.Data, _ = whole.Lookup("data")
	s.Values, _ = whole.Lookup("values")
	if saved.Nsp != nil && string(*saved.Nsp) != namespace {
		return s, fmt.Errorf("%w: it is of another namespace", cluster.ErrNotRecoverable)
	}
	return s, nil
}

// Restore finds what is left of a socket, and deletes it when the client can have it.
// Node.js's servers do not say which namespace a session is of: then it must be that
// of the client's last event.
func (a *adapter) Restore(ctx context.Context, pid, offset string) (s cluster.LostSocket, err error) {
	ln := a.line
	if pid == "" || len(pid) > maxPIDLength || offset != "" && !validID(offset) {
		return s, cluster.ErrNotRecoverable
	}
	now, err := ln.link.Ready(ctx, ln) // this server may just have begun
	if err != nil {
		return s, err
	}
	namespace := ""
	if offset != "" {
		if namespace, err = ln.reaches(ctx, now, offset); err != nil {
			return s, err
		}
	}
	saved, err := ln.findSession(ctx, pid)
	if err != nil {
		return s, err
	}
	if s, err = decodeSession(saved.value, ln.namespace); err != nil {
		return s, err
	}
	if !s.Known && namespace != ln.namespace {
		return s, fmt.Errorf("%w: unknown namespace", cluster.ErrNotRecoverable)
	}
	s.Saved = saved
	if offset == "" {
		if offset = s.Offset; !validID(offset) {
			return s, fmt.Errorf("%w: the client has got nothing yet", cluster.ErrNotRecoverable)
		}
		_, err = ln.reaches(ctx, now, offset)
	}
	if err == nil && validID(s.Position) && compareIDs(s.Position, offset) < 0 {
		_, err = ln.reaches(ctx, now, s.Position) // a client may claim any offset
	}
	if err != nil {
		return s, err
	}
	return s, ln.claimSession(ctx, saved)
}

// reaches returns an error when the stream does not have all entries after an
// offset any more; otherwise the namespace of the entry at the offset, if that is
// there.
func (ln *line) reaches(ctx context.Context, s *session, offset string) (namespace string, err error) {
	c, stream := s.Client, ln.link.names.stream
	oldest, err := c.Do(ctx, c.B().Xrange().Key(stream).Start("-").End("+").Count(1).Build()).AsXRange()
	if err != nil && !rueidis.IsRedisNil(err) {
		return "", err
	}
	at, err := c.Do(ctx, c.B().Xrange().Key(stream).Start(offset).End(offset).Count(1).Build()).AsXRange()
	if err != nil && !rueidis.IsRedisNil(err) {
		return "", err
	}
	if len(at) > 0 {
		return at[0].FieldValues["nsp"], nil
	}
	if offset == beforeAll { // nothing is forgotten before the stream is full
		count, err := c.Do(ctx, c.B().Xlen().Key(stream).Build()).AsInt64()
		if err != nil || count < ln.link.settings.maxLen {
			return "", err
		}
	}
	if len(oldest) == 0 || compareIDs(oldest[0].ID, offset) > 0 {
		return "", fmt.Errorf("%w: what came after %s is forgotten", cluster.ErrNotRecoverable, offset)
	}
	return "", nil
}

// Replay reads the stream from where the session was to its end.
func (a *adapter) Replay(ctx context.Context, left cluster.LostSocket) (missed cluster.Replay, err error) {
	s, err := a.line.link.Ready(ctx, a.line)
	if err != nil {
		return missed, err
	}
	m := missing{line: a.line, events: left.Offset, operations: left.Position, member: cluster.NewMembership(left.Rooms), got: rooms.NewSet(left.Marks)}
	if !validID(m.operations) {
		m.operations = m.events
	}
	offset := m.events
	if compareIDs(m.operations, m.events) < 0 {
		offset = m.operations
	}
	c := s.Client
	for {
		page := c.B().Xrange().Key(a.line.link.names.stream).Start(after(offset)).End("+").Count(pageCount).Build()
		entries, err := c.Do(ctx, page).AsXRange()
		if err != nil && !rueidis.IsRedisNil(err) {
			return missed, err
		}
		for i := range entries {
			m.add(&entries[i])
			offset = entries[i].ID
		}
		if len(m.found) > maxMissed {
			return missed, errors.New("redis_streams: the client missed too much")
		}
		if len(entries) < pageCount {
			return cluster.Replay{Events: m.found, Rooms: m.member.Rooms, Disconnected: m.member.Disconnected, Offset: offset}, nil
		}
	}
}

// missing collects what happened to a lost socket from entries of the stream.
type missing struct {
	line               *line
	events, operations string // the offsets after which they count
	member             *cluster.Membership
	got                rooms.Set // marks of events that it was delivered
	found              []cluster.Emit
}

// add looks at the next entry. Volatile events may be missed.
func (m *missing) add(entry *rueidis.XRangeEntry) {
	f := entry.FieldValues
	if _, got := m.got[markOf(f["uid"], f["tag"])]; got || f["nsp"] != m.line.namespace {
		return
	}
	typ, err := strconv.Atoi(f["type"])
	if err != nil || typ < peer.TypeEmit || typ > peer.TypeDisconnect || len(f["data"]) > redislink.MaxMessage {
		return
	}
	msg, err := decodeEntry(typ, f["data"])
	if err != nil {
		return
	}
	msg.id = entry.ID
	op, err := msg.operation()
	if err != nil {
		return
	}
	emit, isEmit := op.(cluster.Emit)
	switch {
	case isEmit && !emit.Volatile && compareIDs(entry.ID, m.events) > 0 && m.member.Means(emit.Target):
		m.found = append(m.found, emit)
	case !isEmit && compareIDs(entry.ID, m.operations) > 0:
		m.member.Apply(op)
	}
}
