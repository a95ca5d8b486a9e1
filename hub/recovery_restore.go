package hub

import (
	"encoding/json"
	"maps"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// claim reserves a saved socket for a new one whose client comes back to it, and
// whose last event had an offset, or none. It returns what the client missed. It is
// false, and the saved socket stays, when it is not this client's, or is reserved
// already, or too old, or when some of what the client missed is forgotten. What is
// missed must be no more than half of what may wait for the client, or it would be
// dropped for that, again and again.
func (r *history) claim(s *Socket, pid, offset, identity string) (*savedSocket, replay, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.saved[pid]
	if left == nil || left.heir != nil || left.identity != identity || left.expired(s.client.route) {
		return nil, replay{}, false
	}
	since := left.since
	if offset != "" {
		n, ok := r.number(offset)
		if !ok {
			return nil, replay{}, false
		}
		since = n + 1
	}
	if min(since, left.lost) < r.first {
		return nil, replay{}, false
	}
	missed := r.replay(since, left.lost, left.rooms)
	if missed.disconnected {
		r.remove(left)
		return nil, replay{}, false
	}
	if queue := s.client.route.config().Engine.MaxQueue; queue > 0 && missed.size() > queue/2 {
		return nil, replay{}, false
	}
	left.heir, s.claimed = s, left
	s.since = since
	return left, missed, true
}

// release gives back the saved socket that a socket was to become, or with keep
// false removes it. The caller holds mu.
func (r *history) release(s *Socket, keep bool) {
	left := s.claimed
	if left == nil {
		return
	}
	s.claimed, left.heir = nil, nil
	if !keep {
		r.remove(left)
	}
}

// comeBack makes a new socket the one that its client had, or gives it the secret
// that its client comes back with, where the route has recovery. The error is an
// [Outage]: it is not known who the client is.
func (s *Socket) comeBack(ev *Event) error {
	if !s.hasRecovery() {
		return nil
	}
	pid, offset := comesBack(s.auth)
	recorder := s.ns.recorder()
	if pid != "" && (recorder != nil || s.ns.history.knows(pid)) {
		err := s.ns.identify(ev)
		if isOutage(err) {
			return err
		}
		if err == nil && s.recoverFrom(recorder, pid, offset) {
			return nil
		}
		s.forgetIdentity()
	}
	if recorder != nil {
		s.from = recorder.DeliveredOffset()
	}
	s.ns.history.enrol(s)
	return nil
}

// knows reports whether a socket has or had this pid. It spares the handlers that
// identify clients a call for each client whose socket is gone.
func (r *history) knows(pid string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[pid] != nil || r.saved[pid] != nil
}

// recoverFrom makes an identified socket the one with this pid, which is kept here or
// by a recorder.
func (s *Socket) recoverFrom(recorder cluster.Recorder, pid, offset string) bool {
	h, identity := &s.ns.history, s.identity()
	h.closeFormer(s.client.ctx, pid, identity, s)
	if recorder != nil && s.comeBackShared(recorder, pid, offset) {
		return true
	}
	if recorder == nil {
		if left, missed, ok := h.claim(s, pid, offset, identity); ok {
			s.restore(left, missed)
			s.admitted = true
			return true
		}
	}
	h.dropLive(pid, s)
	return false
}

// comesBack reads from a connect packet which socket its client wants back.
func comesBack(auth sio.Data) (pid, offset string) {
	var wanted struct{ PID, Offset string }
	if len(auth.JSON) > 0 && json.Unmarshal(auth.JSON, &wanted) != nil {
		return "", ""
	}
	return wanted.PID, wanted.Offset
}

// restore makes a new socket the one that its client had. Values of the handlers that
// have identified the client are newer than those that were saved.
func (s *Socket) restore(left *savedSocket, missed replay) {
	s.id, s.pid, s.restored = left.id, left.pid, true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data, s.dataBytes = maps.Clone(left.data), left.size
	values := maps.Clone(left.values)
	if values == nil {
		values = s.values
	} else {
		maps.Copy(values, s.values)
	}
	s.values = values
	for _, room := range missed.rooms {
		if room != left.id {
			s.opening.rooms = append(s.opening.rooms, room)
		}
	}
	s.opening.replay = missed
}

// sendMissed sends a client what it missed, and then that it is connected: official
// clients keep the events until they know.
func (s *Socket) sendMissed() {
	r := &s.ns.history
	names := s.ns.index.RoomsOf(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	missed := s.opening.replay
	more := r.replay(missed.next, missed.next, names)
	for _, m := range append(missed.messages, more.messages...) {
		s.client.session.Send(m)
	}
	s.client.session.Send(connectPacket(s))
	r.keepLive(s.pid, s)
	r.release(s, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening.replayed = true
	s.opening.applyFirst(s, names, more.rooms, more.disconnected)
}
