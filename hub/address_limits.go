package hub

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
)

// AddressLimits are limits for the clients of one address: the same IPv4 address, or the
// same /64 of IPv6. Clients behind a proxy that the HTTP server does not trust have the
// proxy's address. Zero means no limit.
type AddressLimits struct {
	// MaxConnections is how many connections an address may have on the route. Further
	// handshakes get status 429.
	MaxConnections int
	// HandshakeRate is how many handshakes on the route an address may send in a second, and
	// HandshakeBurst how many at once. Further ones get status 429.
	HandshakeRate  float64
	HandshakeBurst int
	// MaxUnjoined is how many connections of the hub an address may have that are in no
	// namespace yet. Further handshakes get status 429.
	MaxUnjoined int
	// MaxNamespaces is how many namespaces may exist because clients of an address were the
	// first to connect to them, by a glob of the config. Further ones get the connect error
	// "Too many namespaces".
	MaxNamespaces int
	// MaxFailures is how many failed attempts an address may make in FailureWindow, see
	// [ClientError]. One more is possible each time that a MaxFailures-th part of it has
	// passed. From half of them on, the connect errors of failed attempts are delayed. Above
	// it, handshakes get status 429, and connects the connect error "Too many failed
	// attempts".
	MaxFailures int
	// FailureWindow is the time of MaxFailures. Zero means one minute.
	FailureWindow time.Duration
}

// limitNamespaces is the limit of AddressLimits.MaxNamespaces. The others are in package
// engine.
const limitNamespaces = "namespaces"

// addressRemedy is the field of warnings about an address over a limit.
var addressRemedy = zap.String("remedy", "if this is the address of a proxy, add it to trusted_proxies of the server; the option per_address changes the limits")

// engineConfig returns the config of the engine, with its limits for addresses.
func (c *RouteConfig) engineConfig() EngineConfig {
	e, limits := c.Engine, &c.PerAddress
	e.PerAddress = engine.AddressLimits{
		MaxConnections: limits.MaxConnections, MaxUnjoined: limits.MaxUnjoined,
		HandshakeRate: limits.HandshakeRate, HandshakeBurst: limits.HandshakeBurst,
	}
	return e
}

// addressEvents counts refusals and evictions because of an address.
type addressEvents struct {
	warnings warnings

	mu               sync.Mutex // guards the following; a leaf
	refused, evicted map[string]uint64
}

// countEvent counts a refusal or an eviction by its limit.
func (e *addressEvents) countEvent(limit string, evicted bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refused == nil {
		e.refused, e.evicted = make(map[string]uint64), make(map[string]uint64)
	}
	if evicted {
		e.evicted[limit]++
	} else {
		e.refused[limit]++
	}
}

// copyCounts returns the counts of all limits.
func (e *addressEvents) copyCounts() (refused, evicted map[string]uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	refused, evicted = make(map[string]uint64), make(map[string]uint64)
	for _, limit := range []string{engine.LimitConnections, engine.LimitUnjoined, limitNamespaces} {
		refused[limit], evicted[limit] = e.refused[limit], e.evicted[limit]
	}
	for _, limit := range []string{engine.LimitHandshakes, engine.LimitFailures} {
		refused[limit] = e.refused[limit]
	}
	return refused, evicted
}

// noteAddressLimit counts that a client was refused, or a connection or namespace evicted,
// because of its address. It logs a warning, once for each limit and address.
func (h *Hub) noteAddressLimit(r *Route, key address.Key, limit string, evicted bool) {
	h.addressEvents.countEvent(limit, evicted)
	if limit == engine.LimitFailures || !h.addressEvents.warnings.admitKey(limit+" "+key.String()) {
		return // failures have a warning of their own
	}
	message := "address over its limit: client refused"
	if evicted {
		message = "limit reached: the address that has most loses its oldest to another address"
	}
	h.log().Warn(message,
		zap.String("hub", h.name), zap.String("path", r.engine.Config().Path), zap.Stringer("address", key), zap.String("limit", limit),
		addressRemedy)
}
