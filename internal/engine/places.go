package engine

import (
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

// Limits of an address, for [Options.AddressLimited].
const (
	LimitConnections = "connections"
	LimitHandshakes  = "handshake_rate"
	LimitUnjoined    = "unjoined"
	LimitFailures    = "failures"
)

// AddressLimits are limits of a route for the clients of one address: the same IPv4
// address, or the same /64 of IPv6. Zero means no limit.
type AddressLimits struct {
	// MaxConnections is how many sessions an address may have on the route.
	MaxConnections int
	// HandshakeRate is how many handshakes an address may send in a second, and
	// HandshakeBurst how many at once; default 1.
	HandshakeRate  float64
	HandshakeBurst int
	// MaxUnjoined is how many sessions of all routes an address may have for which
	// [Session.MarkJoined] has not been called.
	MaxUnjoined int
}

// places are the places of a session among the sessions that are limited.
type places struct {
	// unjoined is in Server.unjoined, until the session is joined and proven.
	unjoined address.Place[*Session]
	// connection is in Route.connections.
	connection address.Place[*Session]
	joined     bool // MarkJoined was called; guarded by Session.mu
	// proven is true when the client has received the reply to its handshake. A client of
	// revision 3 is joined before that.
	proven atomic.Bool
}

// checkAddress refuses a handshake of an address that sends too many.
func (x *exchange) checkAddress(key address.Key) *refusal {
	if check := x.server.options.CheckAddress; check != nil {
		if wait := check(x.Request); wait > 0 {
			return x.refuseAddress(LimitFailures, wait)
		}
	}
	limits := x.config.PerAddress
	if limits.HandshakeRate <= 0 {
		return nil
	}
	cost := time.Duration(float64(time.Second) / limits.HandshakeRate)
	size := cost * time.Duration(max(limits.HandshakeBurst, 1))
	if wait := x.Route.handshakes.Take(key, cost, size); wait > 0 {
		return x.refuseAddress(LimitHandshakes, wait)
	}
	return nil
}

// placeSession gives a new session its places, or refuses it. A client whose address has few
// sessions takes the place of the oldest session of the address that has most.
func (x *exchange) placeSession(s *Session, key address.Key) *refusal {
	limits := x.config.PerAddress
	evicted, has, result := x.server.unjoined.Add(&s.places.unjoined, key, s, address.Limits{
		Total: x.server.options.MaxUnjoined, PerAddress: limits.MaxUnjoined,
	})
	if has {
		x.server.evictSession(evicted, LimitUnjoined)
	}
	switch result {
	case address.AddressFull:
		return x.refuseAddress(LimitUnjoined, 0)
	case address.Full:
		return x.refuseFull(LimitUnjoined)
	}
	total := x.config.MaxConnections
	evicted, has, result = x.Route.addSession(s, key, address.Limits{
		Total: total, PerAddress: limits.MaxConnections, Kept: max(total/10, 1),
	})
	if has {
		x.server.evictSession(evicted, LimitConnections)
	}
	switch result {
	case address.AddressFull:
		return x.refuseAddress(LimitConnections, 0)
	case address.Full:
		return x.refuseFull(LimitConnections)
	}
	return nil
}

// evictSession closes a session for a client of another address. Nothing of it is kept.
func (s *Server) evictSession(session *Session, limit string) {
	if report := s.options.AddressLimited; report != nil {
		report(session.route, session.handshake.Address, limit, true)
	}
	session.closeWith(ReasonForced, closeMode{cause: "a client of another address took its place: " + limit})
}

// refuseAddress reports a handshake over a limit of its address, and returns the
// refusal. Zero for wait means that it is unknown.
func (x *exchange) refuseAddress(limit string, wait time.Duration) *refusal {
	if report := x.server.options.AddressLimited; report != nil {
		report(x.Route, x.Address, limit, false)
	}
	if wait > 0 {
		x.W.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	return refusedAddress
}

// noteProof notes that the client has received the reply to its handshake.
func (s *Session) noteProof() {
	if s.places.proven.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places.proven.Store(true)
	s.releaseUnjoinedLocked()
}

// MarkJoined notes that the client has connected a namespace: the session does not count
// towards [Options.MaxUnjoined] any more. A session of revision 3 counts until its client
// has sent a packet or a poll, too.
func (s *Session) MarkJoined() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places.joined = true
	s.releaseUnjoinedLocked()
}

func (s *Session) releaseUnjoinedLocked() {
	if s.places.joined && s.places.proven.Load() {
		s.server.unjoined.Remove(&s.places.unjoined)
	}
}
