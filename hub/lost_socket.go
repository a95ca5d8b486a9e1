package hub

import (
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// lostOwner is the owner of a lost socket: the route and the address of its client.
type lostOwner struct {
	route   *Route
	address address.Key
}

// addressOfLost returns the address that a lost socket counts for.
func addressOfLost(lost *cluster.LostSocket) address.Key {
	owner, _ := lost.Owner.(lostOwner)
	return owner.address
}

// saveOnClose saves a socket whose connection is lost, unless reason says that its client does not
// reconnect. A restored socket that was not accepted yet is saved again as it was.
func (s *Socket) saveOnClose(reason string) {
	if r := s.ns.recorder(); r != nil && isRecoverable(reason) {
		if lost := s.restoredFrom(); lost != nil {
			s.ns.saveAgain(r, *lost)
		} else if s.beginLoss() {
			s.saveLost(r)
		}
	}
	s.ns.pids.removeSocket(s.pid, s) // from here on, a client finds the saved socket
}

// restoredFrom returns the lost socket that a socket was restored from, until it is
// accepted.
func (s *Socket) restoredFrom() *cluster.LostSocket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admission == nil {
		return nil
	}
	return s.admission.lost
}

// beginLoss marks a socket as lost. It reports false if the socket is not to be saved: the
// server disconnected it, or its user changed.
func (s *Socket) beginLoss() bool {
	s.mu.Lock()
	changed := s.identityChanged
	s.mu.Unlock()
	if changed {
		return false
	}
	s.lost.Store(true)
	return !s.disconnectedByServer.Load() // in this order: disconnectByServer stores, then loads lost
}

// saveLost saves a socket. The position is read before the rooms: operations in between
// are applied twice rather than never.
func (s *Socket) saveLost(r cluster.Recorder) {
	s.saveMu.Lock()
	defer s.saveMu.Unlock()
	position := r.DeliveredOffset()
	names, identity := s.ns.index.RoomsOf(s), s.identityHash()
	s.mu.Lock()
	if s.admission != nil { // the index may lack some of the rooms
		names = append([]string{s.id}, s.admission.rooms...)
	}
	lost := cluster.LostSocket{
		PID: s.pid, ID: s.id, Rooms: names, Data: jsonObject(s.data), Values: s.valuesLocked(),
		Offset: s.replayFrom, Position: position, Marks: slices.Clone(s.marks),
		Identity: identity, Lost: time.Now(), Owner: lostOwner{s.client.route, s.client.addressKey()},
	}
	saved := lost // handlers that return late change it, and Save reads the other one
	s.saved = &saved
	s.mu.Unlock()
	s.logUnsaved(r.Save(lost, s.client.route.config().Recovery))
}

// updateSaved updates the data and values of a lost socket that is still saved. When the
// socket's last handlers have returned, its client may have reconnected to another node
// and been lost again: then only a lost socket in this process is updated.
func (s *Socket) updateSaved() {
	r := s.ns.recorder()
	if r == nil {
		return
	}
	s.saveMu.Lock()
	defer s.saveMu.Unlock()
	s.mu.Lock()
	if s.saved == nil || s.state.Load() == stateDisconnected && !s.ns.recoveryLog.Contains(s.pid) {
		s.mu.Unlock()
		return
	}
	s.saved.Data, s.saved.Values = jsonObject(s.data), s.valuesLocked()
	lost := *s.saved
	s.mu.Unlock()
	if keep := s.client.route.config().Recovery - time.Since(lost.Lost); keep > 0 {
		s.logUnsaved(r.Update(lost, keep))
	}
}

// valuesLocked returns the values of handlers, nothing if there are none.
func (s *Socket) valuesLocked() (d sio.Data) {
	if len(s.values) > 0 {
		d = jsonObject(s.values)
	}
	return d
}

func (s *Socket) logUnsaved(err error) {
	if err != nil {
		s.ns.log().Warn("saving a lost socket failed", zap.String("namespace", s.ns.name), zap.Error(err))
	}
}

// saveAgain saves a lost socket that was restored, as it was.
func (ns *Namespace) saveAgain(r cluster.Recorder, lost cluster.LostSocket) {
	if err := r.SaveAgain(lost); err != nil {
		ns.log().Warn("saving a lost socket again failed", zap.String("namespace", ns.name), zap.Error(err))
	}
}

// saveUnaccepted saves a restored socket again that was not accepted, unless its client
// disconnected on purpose. A client that is refused may reconnect with other auth.
func (s *Socket) saveUnaccepted() {
	s.mu.Lock()
	r, lost, reason := s.admission.recorder, s.admission.lost, s.admission.closeReason
	s.mu.Unlock()
	if lost != nil && isRecoverable(reason) {
		s.ns.saveAgain(r, *lost)
	}
}

// noteCloseReason notes why a connecting socket closes. A connect error that was delayed does
// not wait longer.
func (s *Socket) noteCloseReason(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admission != nil {
		s.admission.closeReason = reason
		if s.admission.refusal != nil && s.admission.refusal.Stop() {
			s.admission.refusal.Reset(0) // the lifecycle ends now
		}
	}
}

// onlyTarget returns the target that is this socket.
func (s *Socket) onlyTarget() rooms.Target { return rooms.Target{In: []string{s.id}} }

// applyToLost records an operation on a lost socket, and applies it to the socket that its
// client has on this node by now.
func (s *Socket) applyToLost(op cluster.Operation) {
	if r := s.ns.recorder(); r != nil {
		s.ns.countUnpublished(r.Record(op, cluster.OneSocket, 0, nil))
	}
	successor := s.findSuccessor()
	if successor == nil {
		return
	}
	switch op := op.(type) {
	case cluster.Join:
		_ = successor.Join(op.Rooms...) // it may be in too many
	case cluster.Leave:
		successor.Leave(op.Rooms...)
	case cluster.SetData:
		_ = successor.Set(op.Key, op.Value) // it may be full
	case cluster.Disconnect:
		successor.Disconnect(op.Close)
	}
}

// findSuccessor returns the socket that the client of a lost socket has on this node by now,
// or nil. The recovery log reaches a socket that is still connecting.
func (s *Socket) findSuccessor() *Socket {
	next := s.ns.pids.lookUpSocket(s.pid)
	if next == nil || next == s || next.state.Load() == stateConnecting {
		return nil
	}
	return next
}

// passOnData saves the data of a lost socket after Set. It also records the change, so
// that a replay does not set an earlier value over it, and sets it on the successor.
func (s *Socket) passOnData(key string, value sio.Data) {
	s.updateSaved()
	s.applyToLost(cluster.SetData{Target: s.onlyTarget(), Key: key, Value: value})
}
