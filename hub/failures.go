package hub

import (
	"errors"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
)

const (
	// maxFailureDelay is how long the connect error of a failed attempt is delayed when the
	// address has no further attempt.
	maxFailureDelay = 5 * time.Second
	// maxFailureDebt is how many windows an address waits at most. Attempts that are under
	// way at the same time count even if they are too many.
	maxFailureDebt = 10
)

var errTooManyFailures = &ClientError{Message: "Too many failed attempts"}

// failureCost returns the part of the window that a failed attempt costs. ok is false
// without a limit.
func (l *AddressLimits) failureCost() (cost, window time.Duration, ok bool) {
	if l.MaxFailures <= 0 {
		return 0, 0, false
	}
	if window = l.FailureWindow; window <= 0 {
		window = time.Minute
	}
	return max(window/time.Duration(l.MaxFailures), 1), window, true
}

// failureWait returns how long an address must wait before its next attempt on a route.
func (h *Hub) failureWait(r *Route, key address.Key) time.Duration {
	cost, window, ok := r.config().PerAddress.failureCost()
	if !ok {
		return 0
	}
	return max(h.failures.Used(key)+cost-window, 0)
}

// checkAddress returns how long the client's address must wait before its next handshake.
func (h *Hub) checkAddress(q *engine.Request) time.Duration {
	return h.failureWait(q.Route.Owner.(*Route), address.KeyOf(q.Address))
}

// checkFailures returns a connect error if the address of the client made too many failed
// attempts. Namespaces without handlers for connects are open to it.
func (s *Socket) checkFailures() error {
	c := s.client
	if s.ns.hasNoConnectHandler() || c.hub.failureWait(c.route, c.addressKey()) == 0 {
		return nil
	}
	c.hub.noteAddressLimit(c.route, c.addressKey(), engine.LimitFailures, false)
	return errTooManyFailures
}

// noteAttempt counts a refused connect for the client's address if it was a failed attempt. It
// returns how long the connect error is to be delayed. An accepted connect makes up for no
// failed attempt: a client with an account of its own would guess the secrets of others.
func (s *Socket) noteAttempt(err error) (delay time.Duration) {
	h, key := s.ns.hub, s.client.addressKey()
	cost, window, ok := s.client.route.config().PerAddress.failureCost()
	if !ok {
		return 0
	}
	if refused, ok := errors.AsType[*ClientError](err); !ok || !refused.FailedAttempt {
		return 0
	}
	h.stats.failedAttempts.Add(1)
	used := h.failures.Spend(key, cost, maxFailureDebt*window)
	if used+cost > window && h.failures.Mark(key) {
		h.log().Warn("too many failed attempts: handshakes and connects of the address are refused",
			zap.String("hub", h.name), zap.String("namespace", s.ns.name), zap.Stringer("address", key),
			zap.Int64("failures", int64((used+cost-1)/cost)), zap.Duration("window", window),
			addressRemedy)
	}
	return failureDelay(used, window)
}

// failureDelay returns the delay of a connect error when so much of the window is used: none
// up to a half, then growing up to maxFailureDelay.
func failureDelay(used, window time.Duration) time.Duration {
	share := min(float64(used)/float64(window), 1)
	return time.Duration(max(2*share-1, 0) * float64(maxFailureDelay))
}

// addressKey returns the key of the client's address.
func (c *client) addressKey() address.Key { return address.KeyOf(c.session.Handshake().Address) }

// refuseLater refuses the client after a delay, or when it disconnects. Until then the
// socket is connecting: the client cannot try again on the same connection.
func (s *Socket) refuseLater(delay time.Duration, ev *Event, err error) {
	refuse := func() { s.refuseConnect(ev, err) }
	s.mu.Lock()
	waiting := delay > 0 && s.state.Load() == stateConnecting
	if waiting {
		s.admission.refusal = s.ns.hub.afterFunc(delay, "refuse connect", refuse)
	}
	s.mu.Unlock()
	if !waiting {
		refuse()
	}
}
