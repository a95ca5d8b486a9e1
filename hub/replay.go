package hub

import (
	"context"
	"fmt"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"go.uber.org/zap"
)

// readReplay returns the replay of a lost socket. The error says that it is unknown, or
// larger than half of the queue of a client: the client would be closed as slow.
func (s *Socket) readReplay(ctx context.Context, r cluster.Recorder, lost cluster.LostSocket) (cluster.Replay, error) {
	replay, err := r.Replay(ctx, lost)
	if err != nil {
		return replay, err
	}
	replay.Rooms = slices.DeleteFunc(replay.Rooms, func(name string) bool { return CheckRooms([]string{name}) != nil })
	if len(replay.Rooms) > MaxRooms {
		return replay, errTooManyRooms
	}
	size := 0
	for _, m := range replay.Events {
		size += m.Size()
	}
	if limit := s.client.route.config().Engine.MaxQueue; limit > 0 && size > limit/2 {
		return replay, fmt.Errorf("replay has %d bytes, the client's queue may have %d", size, limit)
	}
	return replay, nil
}

// sendReplay sends a restored socket its connect packet, and then the events that it missed
// until it was in its rooms. Events that are delivered meanwhile wait in the socket's
// admission.
//
// Node.js sends the connect packet last. Official clients buffer the events before it, and
// keep the buffer when the connection is lost again: they would emit these events twice.
func (s *Socket) sendReplay() {
	ctx, cancel := context.WithTimeout(&s.client.ctx, restoreTimeout)
	defer cancel()
	first, names := s.admission.replay, s.ns.index.RoomsOf(s)
	then, err := s.readReplay(ctx, s.admission.recorder, cluster.LostSocket{
		Offset: first.Offset, Position: first.Offset, Rooms: names, Marks: s.marks,
	})
	if err != nil {
		// The client tries again, and finds the socket saved again.
		s.ns.log().Warn("replay failed: closing the connection so that the client retries",
			zap.String("namespace", s.ns.name), zap.Error(err))
		s.client.session.CloseFor(ReasonForced, "the missed events could not be read")
		return
	}
	s.client.session.Send(encodeConnectPacket(s))
	events, sent := slices.Concat(first.Events, then.Events), 0
	for _, m := range events {
		if s.client.session.Send(m) {
			sent++
		}
	}
	s.ns.noteDeliveries(nil, sent)
	s.ns.pids.addSocket(s.pid, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replayedTo = then.Offset
	s.replayDataLocked(then.Data, s.admission.newKeys)
	if len(events) == 0 { // otherwise its client may not have got them
		s.replayFrom = then.Offset
	}
	s.admission.lost = nil
	s.admission.applyFirst(s, names, then.Rooms, then.Disconnected)
}

// applyFirst makes a socket follow the operations that were recorded while it joined its
// rooms, when it is live and before the emits that its handlers deferred. Before and after are its
// rooms.
func (o *admission) applyFirst(s *Socket, before, after []string, disconnected bool) {
	in := func(names []string) func(string) bool {
		set := rooms.NewSet(names)
		return func(name string) bool { _, ok := set[name]; return ok }
	}
	left := slices.DeleteFunc(slices.Clone(before), in(after))
	joined := slices.DeleteFunc(slices.Clone(after), in(before))
	if !disconnected && len(left)+len(joined) == 0 {
		return
	}
	o.deferred = slices.Insert(o.deferred, 0, func() {
		if disconnected {
			s.Disconnect(false)
			return
		}
		s.Leave(left...)
		_ = s.Join(joined...) // as for other sockets, some may be in too many rooms
	})
}

// isReplayed reports whether a restored socket got the event of an offset in its replay.
func (s *Socket) isReplayed(offset string) bool {
	if !s.restored || offset == "" || s.replayedTo == "" {
		return false
	}
	return !s.ns.link.Load().adapter.OffsetBefore(s.replayedTo, offset)
}
