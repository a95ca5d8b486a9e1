package redisstreams

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/clusters/internal/peer"
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
	SID    peer.Text       `json:"sid"`
	PID    peer.Text       `json:"pid"`
	Rooms  peer.List       `json:"rooms"`
	Data   json.RawMessage `json:"data"`
	Nsp    *peer.Text      `json:"nsp"`
	Values json.RawMessage `json:"values"`
	Offset peer.Text       `json:"offset"`
}

// encodeSession returns base64 of MessagePack {sid, pid, rooms, data, nsp, values,
// offset}.
func encodeSession(s cluster.Session, namespace string) (string, error) {
	names, err := peer.JSON(append(peer.List{}, s.Rooms...))
	if err != nil {
		return "", err
	}
	parts := [][]byte{[]byte(`{"sid":`), []byte(`,"pid":`), append([]byte(`,"rooms":`), names...), []byte(`,"nsp":`), []byte(`,"offset":`), []byte(`}`)}
	parts[2] = append(parts[2], `,"data":`...)
	values := []sio.Data{quoted(s.ID), quoted(s.PID), s.Data, quoted(namespace), quoted(s.Offset)}
	if len(s.Values.JSON) > 0 {
		parts = slices.Insert(parts, 5, []byte(`,"values":`))
		values = append(values, s.Values)
	}
	b, err := msgpack.AppendData(nil, sio.Splice(parts, values))
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

func quoted(s string) sio.Data {
	b, _ := peer.JSON(s) // strings always marshal
	return sio.Data{JSON: b}
}

// decodeSession reads what encodeSession or Node's adapter wrote. Errors wrap
// peer.ErrMalformed.
func decodeSession(value, namespace string) (s cluster.Session, err error) {
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
	s = cluster.Session{ID: string(saved.SID), PID: string(saved.PID), Rooms: saved.Rooms, Offset: string(saved.Offset), Known: saved.Nsp != nil}
	s.Data, _ = whole.Lookup("data")
	s.Values, _ = whole.Lookup("values")
	if saved.Nsp != nil && string(*saved.Nsp) != namespace {
		return s, fmt.Errorf("%w: it is of another namespace", cluster.ErrNoSession)
	}
	return s, nil
}

// Restore finds what is left of a socket, and deletes it when the client can have it.
// Node.js's servers do not say which namespace a session is of: then it must be that
// of the client's last event.
func (a *adapter) Restore(ctx context.Context, pid, offset string) (s cluster.Session, err error) {
	ln := a.line
	if pid == "" || len(pid) > maxPIDLength || offset != "" && !validID(offset) {
		return s, cluster.ErrNoSession
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
		return s, fmt.Errorf("%w: unknown namespace", cluster.ErrNoSession)
	}
	s.Saved = saved
	if offset != "" {
		s.Offset = offset
	} else if !validID(s.Offset) {
		return s, fmt.Errorf("%w: the client has got nothing yet", cluster.ErrNoSession)
	} else if _, err := ln.reaches(ctx, now, s.Offset); err != nil {
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
		return "", fmt.Errorf("%w: what came after %s is forgotten", cluster.ErrNoSession, offset)
	}
	return "", nil
}

// Missed reads the stream from an offset to its end.
func (a *adapter) Missed(ctx context.Context, offset string, names []string) ([]cluster.Emit, error) {
	s, err := a.line.link.Ready(ctx, a.line)
	if err != nil {
		return nil, err
	}
	var missed []cluster.Emit
	in := rooms.NewSet(names)
	c := s.Client
	for {
		page := c.B().Xrange().Key(a.line.link.names.stream).Start(after(offset)).End("+").Count(pageCount).Build()
		entries, err := c.Do(ctx, page).AsXRange()
		if err != nil && !rueidis.IsRedisNil(err) {
			return nil, err
		}
		for i := range entries {
			if op, ok := a.line.missed(&entries[i], in); ok {
				missed = append(missed, op)
			}
			offset = entries[i].ID
		}
		if len(missed) > maxMissed {
			return nil, errors.New("redis_streams: the client missed too much")
		}
		if len(entries) < pageCount {
			return missed, nil
		}
	}
}

// missed returns the event that an entry is, if it was for a socket in rooms.
// Volatile ones may be missed.
func (ln *line) missed(entry *rueidis.XRangeEntry, in rooms.Set) (op cluster.Emit, ok bool) {
	f := entry.FieldValues
	if f["nsp"] != ln.namespace || f["type"] != entryEmit {
		return op, false
	}
	m, err := decodeEntry(peer.TypeEmit, f["data"])
	if err != nil || m.RequestID != "" {
		return op, false
	}
	m.id = entry.ID
	op, err = m.emit()
	return op, err == nil && !op.Volatile && op.Target.Means(in)
}
