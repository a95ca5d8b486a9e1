package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// Connection state recovery has one path, over the [cluster.Recorder] of a namespace. It
// is cluster/memory's, or the cluster's own.
//
//   - Record: [Namespace.Do] records each emit and each operation on sockets. A socket
//     gets an event with its offset as the last argument (emission.go).
//   - Save: when its connection is lost, a socket is saved with its rooms, data and
//     identity (lost_socket.go). Handlers that still run update it.
//   - Restore: a client reconnects with its pid and offset. The hub closes a stale socket
//     of that pid, and restores the lost socket (this file).
//   - Replay: gates decide, the socket joins its rooms, and the client gets the events that
//     it missed after its connect packet (replay.go).
//   - Save again: a socket that its client did not get is saved again as it was.
//
// Each node delivers the events in the order of their offsets. So a restored socket skips
// the events up to the end of its replay, and gets all after it.

const (
	restoreTimeout = 5 * time.Second // for a lost socket, and then for its replay
	staleTimeout   = 5 * time.Second // for a stale socket to close
	maxID          = 64              // characters of an id
)

// recoveryTime returns the longest recovery time of the routes; zero means that recovery is
// off.
func (h *Hub) recoveryTime() time.Duration { return time.Duration(h.recovery.Load()) }

// recorder returns the namespace's Recorder, nil if recovery is off.
func (ns *Namespace) recorder() cluster.Recorder {
	if ns.hub.recovery.Load() == 0 {
		return nil
	}
	return ns.link.Load().adapter
}

// isRecoverable reports whether clients reconnect by themselves after a close for this
// reason.
func isRecoverable(reason string) bool {
	switch reason {
	case ReasonClientDisconnect, ReasonServerDisconnect, "parse error":
		return false
	}
	return true
}

// pidIndex finds the sockets of a namespace by their pids.
type pidIndex struct {
	mu      sync.Mutex // guards sockets; goes before Socket.mu
	sockets map[string]*Socket
}

// addSocket makes s the socket with a pid.
func (x *pidIndex) addSocket(pid string, s *Socket) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.addSocketLocked(pid, s)
}

func (x *pidIndex) addSocketLocked(pid string, s *Socket) {
	if x.sockets == nil {
		x.sockets = make(map[string]*Socket)
	}
	x.sockets[pid] = s
}

// removeSocket removes a pid, unless it is another socket's by now.
func (x *pidIndex) removeSocket(pid string, s *Socket) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sockets[pid] == s {
		delete(x.sockets, pid)
	}
}

// lookUpSocket returns the socket with a pid, or nil.
func (x *pidIndex) lookUpSocket(pid string) *Socket {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sockets[pid]
}

// replaceSocket returns the socket with a pid, and gives the pid to next unless that is nil. ok
// is false, and nothing changes, if the socket has another identity.
func (x *pidIndex) replaceSocket(pid, identity string, next *Socket) (old *Socket, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old = x.sockets[pid]
	if old != nil && old.identityHash() != identity {
		return nil, false
	}
	if next != nil {
		x.addSocketLocked(pid, next)
	}
	return old, true
}

// recoverSocket makes a new socket the lost one that its client names. If there is none,
// the socket gets a pid of its own. Without recovery on the route it does nothing. The
// error is an [Outage]: the client's identity is unknown.
func (s *Socket) recoverSocket(ev *Event) error {
	if !s.hasRecovery() {
		return nil
	}
	pid, offset := parseRecovery(s.auth)
	r := s.ns.recorder()
	if s.ns.mayRestore(r, pid) {
		err := s.ns.callIdentifiers(ev)
		if isOutage(err) {
			return err
		}
		if err == nil && s.restoreLost(r, pid, offset) {
			return nil
		}
		s.clearIdentity()
	}
	if r != nil {
		s.replayFrom = r.DeliveredOffset()
	}
	s.pid = id.New()
	s.ns.pids.addSocket(s.pid, s)
	return nil
}

// mayRestore reports whether a socket with this pid may be saved or still be connected. It
// spares handlers the identification of clients that cannot recover.
func (ns *Namespace) mayRestore(r cluster.Recorder, pid string) bool {
	return r != nil && pid != "" && (ns.pids.lookUpSocket(pid) != nil || r.MayRestore(pid))
}

// parseRecovery returns the pid and the offset in a connect packet.
func parseRecovery(auth sio.Data) (pid, offset string) {
	var wanted struct{ PID, Offset string }
	if len(auth.JSON) > 0 && json.Unmarshal(auth.JSON, &wanted) != nil {
		return "", ""
	}
	return wanted.PID, wanted.Offset
}

// restoreLost closes the stale socket with this pid, and makes s that socket. It
// reports false if the client cannot have it.
func (s *Socket) restoreLost(r cluster.Recorder, pid, offset string) bool {
	identity := s.identityHash()
	// The wait goes on when the client is gone: a next socket with this pid waits for this one,
	// and so for the stale one.
	s.ns.closeStale(context.WithoutCancel(&s.client.ctx), pid, identity, s)
	ctx, cancel := context.WithTimeout(&s.client.ctx, restoreTimeout)
	defer cancel()
	lost, err := r.Restore(ctx, pid, offset)
	if errors.Is(err, cluster.ErrNotSaved) && r.CloseStale(ctx, pid, identity) {
		lost, err = r.Restore(ctx, pid, offset)
	}
	if err == nil {
		err = s.restoreFrom(ctx, r, &lost, pid, offset)
		if errors.Is(err, errIdentity) || err != nil && s.isInterrupted() {
			s.ns.saveAgain(r, lost) // for its own client, or for the next connection
		}
	}
	if err != nil {
		s.ns.pids.removeSocket(pid, s)
		if e := s.ns.log().Check(zap.DebugLevel, "socket not recovered"); e != nil {
			e.Write(zap.String("namespace", s.ns.name), zap.Error(err))
		}
	}
	return err == nil
}

// isInterrupted reports whether a connecting socket was closed and its client reconnects.
func (s *Socket) isInterrupted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	closed := s.state.Load() == stateDisconnected && isRecoverable(s.admission.closeReason)
	return closed || s.client.ctx.Err() != nil
}

// closeStale closes the socket with this pid and identity if it is still connected or
// connecting: the client reconnected before the loss of its old connection was noticed. It
// returns when that socket is saved, or when ctx ends. From then on next, unless it is
// nil, has the pid. It reports whether there was such a socket.
func (ns *Namespace) closeStale(ctx context.Context, pid, identity string, next *Socket) bool {
	old, _ := ns.pids.replaceSocket(pid, identity, next)
	if old == nil {
		return false
	}
	old.startDisconnect("transport close")
	old.client.session.CloseFor("transport close", "the client reconnected")
	if old.state.Load() != stateDisconnected {
		return true // close has saved it
	}
	ctx, cancel := context.WithTimeout(ctx, staleTimeout)
	defer cancel()
	select {
	case <-old.Done():
	case <-ctx.Done():
	}
	return true
}

var errIdentity = errors.New("the client has another identity than the socket")

// restoreFrom makes a new socket a lost one that was saved under a pid. Its replay waits until
// the socket is accepted. Values of the handlers that identified the client are newer than
// saved ones. The connection is charged for the data and values as if they were set. The error
// says why the client cannot have the lost socket: [ErrMemory], for instance.
func (s *Socket) restoreFrom(ctx context.Context, r cluster.Recorder, lost *cluster.LostSocket, pid, offset string) error {
	if err := s.checkLost(lost, pid); err != nil {
		return err
	}
	data, size, err := parseMembers(lost.Data)
	if err == nil && size > MaxData {
		err = ErrDataFull
	}
	if err != nil {
		return err
	}
	values, _, err := parseMembers(lost.Values)
	if err != nil {
		return err
	}
	from := *lost
	from.Offset = cmp.Or(offset, lost.Offset)
	replay, err := s.readReplay(ctx, r, from)
	if err == nil && replay.Disconnected {
		err = errors.New("the socket was disconnected while its client was away")
	}
	if err != nil {
		return err
	}
	if err := s.checkRoomMemory(replay.Rooms); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(values, s.values)
	if !s.chargeDataLocked(size + len(data)*dataCost + sizeValues(values) - s.chargedData) {
		return ErrMemory
	}
	s.id, s.pid, s.restored, s.admitted = lost.ID, lost.PID, true, lost.Known
	s.data, s.dataBytes, s.marks, s.replayFrom = data, size, lost.Marks, from.Offset
	s.replayDataLocked(replay.Data, nil)
	if len(values) > 0 {
		s.values = values
	}
	for _, room := range replay.Rooms {
		if room != s.id {
			s.admission.rooms = append(s.admission.rooms, room)
		}
	}
	s.admission.recorder, s.admission.replay, s.admission.lost = r, replay, lost
	return nil
}

// checkLost returns an error unless a lost socket is well-formed, and the client's, and
// lost no longer ago than the recovery time: that of the client's route, and that of the
// socket's own if this process had it.
func (s *Socket) checkLost(lost *cluster.LostSocket, pid string) error {
	limit := s.client.route.config().Recovery
	if owner, ok := lost.Owner.(lostOwner); ok {
		limit = min(limit, owner.route.config().Recovery)
	}
	switch {
	case lost.PID != pid, !isID(lost.PID), !isID(lost.ID), CheckRooms(lost.Rooms) != nil, len(lost.Rooms) > MaxRooms:
		return errors.New("malformed lost socket")
	case lost.Identity != s.identityHash():
		return errIdentity
	case !lost.Lost.IsZero() && time.Since(lost.Lost) > limit:
		return fmt.Errorf("the client reconnected %s after its connection was lost", time.Since(lost.Lost))
	}
	return nil
}

// isID reports whether an id has the form of ids that Socket.IO servers make.
func isID(id string) bool {
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return id != "" && len(id) <= maxID
}

// parseMembers returns the members of a JSON object, none for empty data, and their size
// as [Socket.Set] counts it.
func parseMembers(d sio.Data) (values map[string]sio.Data, size int, err error) {
	var raw map[string]json.RawMessage
	if len(d.JSON) > 0 {
		if err := json.Unmarshal(d.JSON, &raw); err != nil {
			return nil, 0, err
		}
	}
	values = make(map[string]sio.Data, len(raw))
	for key := range raw {
		value, _ := d.Lookup(key)
		values[key] = value.CloneText()
		size += len(key) + value.Size()
	}
	return values, size, nil
}
