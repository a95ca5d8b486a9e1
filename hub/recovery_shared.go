package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
func (ns *Namespace) record(r cluster.Recorder, op cluster.Emit, deliver func(offset, mark string)) {
	h := &ns.history
	h.mu.Lock()
	waits := !time.Now().Before(h.patient)
	h.mu.Unlock()
	if !waits {
		if err := r.Record(ended, op, deliver); !errors.Is(err, ended.Err()) {
			ns.published(err)
		}
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

// ended is a context that has ended.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// emitShared emits an event that the cluster keeps.
func (ns *Namespace) emitShared(r cluster.Recorder, op cluster.Emit) (n int, err error) {
	plain, err := ns.encode(op)
	if err != nil {
		return 0, err
	}
	ns.record(r, op, func(offset, mark string) {
		n = ns.deliver(ns.offered(r, plain, op, offset, mark), plain, op.Target)
	})
	return n, nil
}

// offered is an event as clients get it that may come back: with its offset or, when
// it has none, with that of an event before it. The client takes its last argument
// for an offset all the same. The mark says which event it is without an offset.
func (ns *Namespace) offered(r cluster.Recorder, plain *eio.Message, op cluster.Emit, offset, mark string) delivery {
	d := delivery{message: plain, volatile: op.Volatile, recorded: offset != "" && !op.Volatile}
	if d.recorded {
		d.offset = offset
	} else {
		d.mark, offset = mark, r.DeliveredOffset()
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
	deliver := func(offset, mark string) { taken = s.deliver(s.ns.offered(r, plain, op, offset, mark)) }
	if e.flags.Volatile {
		deliver("", "")
	} else {
		s.ns.record(r, op, deliver)
	}
	return taken
}

// saveShared has the cluster keep what is left of a socket whose connection is lost,
// or with keep false forget it. A socket that was being restored is kept as it was.
func (s *Socket) saveShared(r cluster.Recorder, keep bool) {
	s.mu.Lock()
	var session *cluster.LostSocket
	if s.opening != nil {
		session = s.opening.session
	}
	s.mu.Unlock()
	if session != nil {
		if keep {
			s.ns.returnSession(*session)
		}
		return
	}
	if !keep || !s.beginLoss() {
		return
	}
	position := r.DeliveredOffset() // before its rooms are read: operations meanwhile are done twice
	names := s.ns.index.RoomsOf(s)
	identity := s.identity()
	s.mu.Lock()
	left := cluster.LostSocket{
		PID: s.pid, ID: s.id, Rooms: s.lostRooms(names), Data: object(s.data), Offset: s.from,
		Identity: identity, Lost: time.Now(), Position: position, Marks: slices.Clone(s.marks),
	}
	left.Values = s.valuesLocked()
	s.saved = &left
	s.mu.Unlock()
	s.logUnsaved(r.Save(left, s.client.route.config().Recovery))
}

// updateShared saves the data of a lost socket again, while its last events are being
// handled, unless its client has come back.
func (s *Socket) updateShared(r cluster.Recorder) {
	s.mu.Lock()
	if s.saved == nil || s.state.Load() == stateGone {
		s.mu.Unlock()
		return
	}
	s.saved.Data, s.saved.Values = object(s.data), s.valuesLocked()
	left := *s.saved
	s.mu.Unlock()
	if keep := s.client.route.config().Recovery - time.Since(left.Lost); keep > 0 {
		s.logUnsaved(r.Update(left, keep))
	}
}

// valuesLocked returns the values of handlers; nothing when there are none. The caller
// holds mu.
func (s *Socket) valuesLocked() (d sio.Data) {
	if len(s.values) > 0 {
		d = object(s.values)
	}
	return d
}

func (s *Socket) logUnsaved(err error) {
	if err != nil {
		s.ns.log().Warn("lost socket not saved", zap.String("namespace", s.ns.name), zap.Error(err))
	}
}

// comeBackShared makes the socket the one that its client had on some node. It is
// false when the cluster knows of none that is this client's.
func (s *Socket) comeBackShared(r cluster.Recorder, pid, offset string) bool {
	ctx, cancel := context.WithTimeout(s.client.ctx, restoreTimeout)
	defer cancel()
	s.ns.history.beginRestoring(s)
	left, err := r.Restore(ctx, pid, offset)
	if errors.Is(err, cluster.ErrNotSaved) && r.CloseStale(ctx, pid, s.identity()) {
		left, err = r.Restore(ctx, pid, offset)
	}
	if err == nil {
		err = s.restoreShared(ctx, r, &left, pid, offset)
		if err != nil && s.client.ctx.Err() != nil {
			s.ns.returnSession(left) // the connection broke again meanwhile
		}
	}
	if err != nil {
		if e := s.ns.log().Check(zap.DebugLevel, "socket not recovered"); e != nil {
			e.Write(zap.String("namespace", s.ns.name), zap.Error(err))
		}
	}
	return err == nil
}

var errIdentity = errors.New("the client has another identity than the socket")

// restoreShared makes the socket the one that a session was saved of. The error says
// why it can't be.
func (s *Socket) restoreShared(ctx context.Context, r cluster.Recorder, left *cluster.LostSocket, pid, offset string) error {
	switch {
	case left.PID != pid, !plainID(left.PID), !plainID(left.ID), CheckRooms(left.Rooms) != nil, len(left.Rooms) > MaxRooms:
		return errors.New("malformed session")
	case left.Identity != s.identity():
		s.ns.returnSession(*left)
		return errIdentity
	case !left.Lost.IsZero() && time.Since(left.Lost) > s.client.route.config().Recovery:
		return errors.New("the client is back too late")
	}
	saved := &savedSocket{pid: left.PID, id: left.ID}
	var err error
	if saved.data, saved.size, err = members(left.Data); err != nil {
		return err
	}
	if len(left.Values.JSON) > 0 {
		if saved.values, _, err = members(left.Values); err != nil {
			return err
		}
	}
	missed, err := s.missed(ctx, r, cluster.LostSocket{Offset: cmp.Or(offset, left.Offset), Position: left.Position, Rooms: left.Rooms, Marks: left.Marks})
	if err == nil && missed.Disconnected {
		err = errors.New("the socket was disconnected while its client was away")
	}
	if err != nil {
		return err
	}
	next := s.opening.replay.next
	s.restore(saved, replay{rooms: missed.Rooms, next: next})
	s.from, s.admitted = missed.Offset, left.Known
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening.missed, s.opening.session, s.marks = missed, left, left.Marks
	return nil
}

// missed returns what happened to a lost socket. The error says that this is unknown,
// or that an operation disconnected the socket, or that its events are more than may
// wait for one client.
func (s *Socket) missed(ctx context.Context, r cluster.Recorder, left cluster.LostSocket) (cluster.Replay, error) {
	missed, err := r.Replay(ctx, left)
	if err != nil {
		return missed, err
	}
	missed.Rooms = slices.DeleteFunc(missed.Rooms, func(name string) bool { return CheckRooms([]string{name}) != nil })
	if len(missed.Rooms) > MaxRooms {
		return missed, errTooManyRooms
	}
	size := 0
	for _, op := range missed.Events {
		size += op.Data.Size()
	}
	if limit := s.client.route.config().Engine.MaxQueue; limit > 0 && size > limit/2 {
		return missed, fmt.Errorf("client missed %d bytes, more than may wait for it", size)
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

// sendMissedShared sends a client what it missed, and then that it is connected. That
// is what was missed before the socket was in its rooms, and what was until then.
// What happens meanwhile waits in the socket's opening.
func (s *Socket) sendMissedShared(r cluster.Recorder) {
	ctx, cancel := context.WithTimeout(s.client.ctx, restoreTimeout)
	defer cancel()
	missed, names := s.opening.missed, s.ns.index.RoomsOf(s)
	more, err := s.missed(ctx, r, cluster.LostSocket{Offset: missed.Offset, Position: missed.Offset, Rooms: names, Marks: s.marks})
	if err != nil {
		// The client tries again, and finds the socket saved anew.
		s.ns.log().Warn("what a client missed is not known", zap.String("namespace", s.ns.name), zap.Error(err))
		s.client.session.Close(ReasonForced)
		return
	}
	for _, op := range append(missed.Events, more.Events...) {
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
	// Operations of this node may not be where the cluster keeps them yet.
	own := h.replay(s.opening.replay.next, s.opening.replay.next, more.Rooms)
	h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = more.Offset
	s.opening.applyFirst(s, names, own.rooms, more.Disconnected || own.disconnected)
}

// has reports whether a socket that was restored got the event of an offset before.
func (s *Socket) has(offset string) bool {
	if !s.restored || offset == "" {
		return false
	}
	r := s.ns.recorder()
	return r != nil && !r.OffsetBefore(s.from, offset)
}
