package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// Where the nodes of a cluster keep events and lost sockets together, a client may
// come back to another node than the one that it was on. The events of a namespace
// are then delivered in the order in which the cluster keeps them, which is why one
// waits for its offset before it is delivered, and not for long.
const (
	recordTimeout  = time.Second     // for an event's offset
	restoreTimeout = 5 * time.Second // for a lost socket, and then for what it missed
	maxID          = 64              // characters of an id
)

// recorder returns what keeps events and lost sockets for all nodes; nil when this
// one keeps its own, or none.
func (ns *Namespace) recorder() cluster.Recorder {
	adapter := ns.adapter.Load()
	if adapter == nil || ns.hub.window() == 0 {
		return nil
	}
	r, _ := (*adapter).(cluster.Recorder)
	return r
}

// record tells the other nodes of an emit and has it kept, and has deliver called,
// once: with its offset, or with "" when it has none in time. It waits no more for a
// while after one had none.
func (ns *Namespace) record(r cluster.Recorder, op cluster.Emit, deliver func(offset string)) {
	h := &ns.history
	h.mu.Lock()
	waits := !time.Now().Before(h.patient)
	h.mu.Unlock()
	if !waits {
		deliver("")
		ns.published(r.Publish(op))
		return
	}
	ctx, cancel := context.WithTimeout(ns.hub.ctx, recordTimeout)
	defer cancel()
	err := r.Record(ctx, op, deliver)
	h.mu.Lock()
	first := err != nil && h.patient.IsZero()
	if h.patient = (time.Time{}); err != nil {
		h.patient = time.Now().Add(recordTimeout)
	}
	h.mu.Unlock()
	if first {
		ns.log().Warn("events are not recorded: clients that come back may miss some", zap.String("namespace", ns.name), zap.Error(err))
	}
}

// emitShared emits an event that the cluster keeps.
func (ns *Namespace) emitShared(r cluster.Recorder, op cluster.Emit) (n int, err error) {
	plain, err := ns.encode(op)
	if err != nil {
		return 0, err
	}
	ns.record(r, op, func(offset string) {
		n = ns.deliver(ns.offered(r, plain, op, offset), plain, op.Target)
	})
	return n, nil
}

// offered is an event as clients get it that may come back: with its offset or, when
// it has none, with that of an event before it. The client takes its last argument
// for an offset all the same.
func (ns *Namespace) offered(r cluster.Recorder, plain *eio.Message, op cluster.Emit, offset string) delivery {
	d := delivery{message: plain, volatile: op.Volatile, recorded: offset != "" && !op.Volatile}
	if d.recorded {
		d.offset = offset
	} else {
		offset = r.Delivered()
	}
	if offset == "" {
		return d
	}
	op.Data = withOffset(op.Data, offset)
	if m, err := ns.encode(op); err == nil {
		d.message = m
	}
	return d
}

// deliverShared is deliver for an event to this socket alone.
func (e Emitter) deliverShared(r cluster.Recorder, plain *eio.Message, data sio.Data) (taken bool) {
	s := e.socket
	op := cluster.Emit{Target: rooms.Target{In: []string{s.id}}, Flags: e.flags, Data: data}
	deliver := func(offset string) { taken = s.deliver(s.ns.offered(r, plain, op, offset)) }
	if e.flags.Volatile {
		deliver("")
	} else {
		s.ns.record(r, op, deliver)
	}
	return taken
}

// saveShared has the cluster keep what is left of a socket in rooms.
func (s *Socket) saveShared(r cluster.Recorder, names []string) {
	s.mu.Lock()
	left := cluster.Session{PID: s.pid, ID: s.id, Rooms: names, Data: object(s.data), Offset: s.from}
	if len(s.values) > 0 {
		left.Values = object(s.values)
	}
	s.mu.Unlock()
	if err := r.Save(left, s.ns.hub.window()); err != nil {
		s.ns.log().Warn("lost socket not saved", zap.String("namespace", s.ns.name), zap.Error(err))
	}
}

// comeBackShared makes the socket the one that its client had on some node. It is
// false when the cluster knows of none.
func (s *Socket) comeBackShared(r cluster.Recorder, pid, offset string) bool {
	ctx, cancel := context.WithTimeout(s.client.ctx, restoreTimeout)
	defer cancel()
	left, err := r.Restore(ctx, pid, offset)
	if err == nil {
		s.opening.saveAgain = func() { s.ns.returnSession(r, left) }
	}
	if err == nil && (left.PID != pid || !plainID(left.PID) || !plainID(left.ID) || CheckRooms(left.Rooms) != nil || len(left.Rooms) > MaxRooms) {
		err = errors.New("malformed session")
	}
	saved := &savedSocket{pid: left.PID, id: left.ID, rooms: left.Rooms}
	if err == nil {
		saved.data, saved.size, err = members(left.Data)
	}
	if err == nil && len(left.Values.JSON) > 0 {
		saved.values, _, err = members(left.Values)
	}
	var missed []cluster.Emit
	if err == nil {
		missed, err = s.missed(ctx, r, left.Offset, left.Rooms)
	}
	if err != nil {
		if e := s.ns.log().Check(zap.DebugLevel, "socket not recovered"); e != nil {
			e.Write(zap.String("namespace", s.ns.name), zap.Error(err))
		}
		return false
	}
	s.restore(saved)
	s.from, s.admitted, s.opening.missed = left.Offset, left.Known, missed
	return true
}

// missed returns the events after an offset for a socket in rooms. The error says
// that they are unknown, or more than may wait for one client.
func (s *Socket) missed(ctx context.Context, r cluster.Recorder, offset string, names []string) ([]cluster.Emit, error) {
	missed, err := r.Missed(ctx, offset, names)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, op := range missed {
		size += op.Data.Size()
	}
	if limit := s.client.route.config().Engine.MaxQueue; limit > 0 && size > limit/2 {
		return nil, fmt.Errorf("client missed %d bytes, more than may wait for it", size)
	}
	return missed, nil
}

// plainID reports whether an id is one as servers make them.
func plainID(id string) bool {
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return id != "" && len(id) <= maxID
}

// members takes an object apart, and measures it as [Socket.Set] does.
func members(d sio.Data) (values map[string]sio.Data, size int, err error) {
	var raw map[string]json.RawMessage
	if len(d.JSON) > 0 {
		if err := json.Unmarshal(d.JSON, &raw); err != nil {
			return nil, 0, err
		}
	}
	values = make(map[string]sio.Data, len(raw))
	for key := range raw {
		value, _ := d.Lookup(key)
		values[key] = value
		size += len(key) + value.Size()
	}
	if size > MaxData {
		return nil, 0, ErrDataFull
	}
	return values, size, nil
}

// replayShared tells a client what it missed, and then that it is connected. That
// is what was missed before the socket was in its rooms, and what was until then.
// What happens meanwhile waits in the socket's opening.
func (s *Socket) replayShared(r cluster.Recorder) {
	ctx, cancel := context.WithTimeout(s.client.ctx, restoreTimeout)
	defer cancel()
	missed, from := s.opening.missed, s.from
	if len(missed) > 0 {
		from = missed[len(missed)-1].Offset
	}
	more, err := s.missed(ctx, r, from, s.ns.index.Of(s))
	if err != nil {
		// The client tries again, and finds the socket saved anew.
		s.ns.log().Warn("what a client missed is not known", zap.String("namespace", s.ns.name), zap.Error(err))
		s.client.session.Close(ReasonForced)
		return
	}
	for _, op := range append(missed, more...) {
		from = op.Offset
		op.Data = withOffset(op.Data, op.Offset)
		m, err := s.ns.encode(op)
		if err != nil {
			continue // nobody else got it either
		}
		s.client.session.Send(m)
	}
	s.client.session.Send(connectPacket(s))
	h := &s.ns.history
	h.mu.Lock()
	h.keepLive(s.pid, s)
	h.mu.Unlock()
	s.mu.Lock()
	s.from = from
	s.mu.Unlock()
}

// has reports whether a socket that was restored got the event of an offset before.
func (s *Socket) has(offset string) bool {
	if !s.restored || offset == "" {
		return false
	}
	r := s.ns.recorder()
	return r != nil && !r.Before(s.from, offset)
}
