package hub

import (
	"context"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"go.uber.org/zap"
)

// A connection may break again while its client comes back. The socket is in no room
// yet then: it stays saved, or is saved again, as it was.

// closeTimeout bounds how long a client that comes back waits until the socket of
// its former connection is saved.
const closeTimeout = 5 * time.Second

// closeFormer closes the socket with this pid and identity if it is still connected, or
// still connecting: the client came back before the loss of its old connection was
// noticed. It returns when that socket is saved, or when ctx ends. From then on next,
// if it is not nil, has the pid, unless that is another user's.
func (r *history) closeFormer(ctx context.Context, pid, identity string, next *Socket) (found bool) {
	r.mu.Lock()
	old := r.live[pid]
	if old != nil && old.identity() != identity {
		r.mu.Unlock()
		return false
	}
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
	session, reason := s.opening.session, s.opening.closeReason
	s.mu.Unlock()
	keep := recoverable(reason)
	if session != nil && keep {
		s.ns.returnSession(*session)
	}
	r := &s.ns.history
	r.mu.Lock()
	defer r.mu.Unlock()
	r.release(s, keep)
}

// returnSession has the cluster save again what it had saved.
func (ns *Namespace) returnSession(left cluster.LostSocket) {
	r := ns.recorder()
	if r == nil {
		return
	}
	if err := r.SaveAgain(left); err != nil {
		ns.log().Warn("lost socket not saved again", zap.String("namespace", ns.name), zap.Error(err))
	}
}
