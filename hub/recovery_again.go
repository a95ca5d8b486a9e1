package hub

import (
	"context"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"go.uber.org/zap"
)

// A connection may break again while its client comes back. The socket was taken
// from the saved ones by then and is in no room yet: it is saved again, as it was.

// closeTimeout bounds how long a client that comes back waits until the socket of
// its former connection is saved.
const closeTimeout = 5 * time.Second

// closeFormer closes the socket with this pid if it is still connected, or still
// connecting: the client came back before the loss of its old connection was
// noticed. It returns when that socket is saved, or when ctx ends. From then on next,
// if it is not nil, has the pid.
func (r *history) closeFormer(ctx context.Context, pid string, next *Socket) (found bool) {
	r.mu.Lock()
	old := r.live[pid]
	if next != nil {
		r.keepLive(pid, next)
	}
	r.mu.Unlock()
	if old == nil {
		return false
	}
	old.close("transport close")
	old.client.session.Close("transport close")
	if old.state.Load() != stateGone {
		return true // close has saved it
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	select {
	case <-old.done:
	case <-ctx.Done():
	}
	return true
}

// noteCloseReason keeps why a socket closes that is connecting.
func (s *Socket) noteCloseReason(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opening != nil {
		s.opening.closeReason = reason
	}
}

// saveUnaccepted saves a restored socket again that is not accepted, unless its
// client disconnected on purpose. A client that is refused may come back with
// something better.
func (s *Socket) saveUnaccepted() {
	s.mu.Lock()
	saveAgain, reason := s.opening.saveAgain, s.opening.closeReason
	s.mu.Unlock()
	if saveAgain != nil && recoverable(reason) {
		saveAgain()
	}
}

// saveAgain is the reverse of take. The time until the socket can't be recovered
// goes on from when it was lost.
func (r *history) saveAgain(ns *Namespace, left *savedSocket) {
	again := *left
	again.restored = false
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.saved == nil {
		r.saved = make(map[string]*savedSocket)
	}
	r.saved[again.pid] = &again
	r.order = append(r.order, &again)
	r.held += again.cost()
	r.trim(ns)
}

// returnSession has the cluster save again what it had saved.
func (ns *Namespace) returnSession(r cluster.Recorder, left cluster.Session) {
	if err := r.Return(left); err != nil {
		ns.log().Warn("lost socket not saved again", zap.String("namespace", ns.name), zap.Error(err))
	}
}

// roomsToSave returns the rooms of a socket that is lost. Until it is live, it may
// not be in all of them yet.
func (s *Socket) roomsToSave() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opening != nil {
		return append([]string{s.id}, s.opening.rooms...)
	}
	return s.ns.index.Of(s)
}
