package socketio

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
)

// PerAddress has limits for the clients of one address: the same IPv4 address, or the
// same /64 of IPv6. Caddy's trusted_proxies decide about the address.
type PerAddress struct {
	// MaxConnections is how many connections an address may have on the route. Further
	// handshakes get status 429. Default: no limit.
	MaxConnections int `json:"max_connections,omitempty"`
	// HandshakeRate is how many handshakes on the route an address may send in a second.
	// Further ones get status 429. Default: no limit.
	HandshakeRate float64 `json:"handshake_rate,omitempty"`
	// HandshakeBurst is how many handshakes an address may send at once. Default: the
	// handshakes of a second.
	HandshakeBurst int `json:"handshake_burst,omitempty"`
	// MaxUnjoined is how many connections of the hub an address may have that are in no
	// namespace yet. Further handshakes get status 429. -1 means no limit. Default: 5000.
	MaxUnjoined int `json:"max_unjoined,omitempty"`
	// MaxNamespaces is how many namespaces of the hub may exist because clients of an
	// address were the first to connect to them, by a glob. Further ones get the connect
	// error "Too many namespaces". -1 means no limit. Default: 2000.
	MaxNamespaces int `json:"max_namespaces,omitempty"`
	// MaxFailures is how many failed attempts an address may make in FailureWindow: connects
	// that jwt refuses because of an invalid token, or a backend. The connect errors are
	// delayed from a half on. Above it, handshakes get status 429, and connects the connect
	// error "Too many failed attempts". -1 means no limit. Default: 100.
	MaxFailures int `json:"max_failures,omitempty"`
	// FailureWindow is the time of MaxFailures. Default: 1m.
	FailureWindow caddy.Duration `json:"failure_window,omitempty"`
}

// noLimit is the value of a limit that is off.
const noLimit = -1

// check returns an error for invalid limits.
func (l *PerAddress) check() error {
	if l == nil {
		return nil
	}
	for _, one := range []struct {
		name  string
		value int
		least int
	}{
		{"max_connections", l.MaxConnections, 0},
		{"handshake_burst", l.HandshakeBurst, 0},
		{"max_unjoined", l.MaxUnjoined, noLimit},
		{"max_namespaces", l.MaxNamespaces, noLimit},
		{"max_failures", l.MaxFailures, noLimit},
	} {
		if one.value < one.least {
			return fmt.Errorf("per_address: %s: unexpected value below %d", one.name, one.least)
		}
	}
	switch {
	case !(l.HandshakeRate >= 0 && l.HandshakeRate <= maxRate):
		return errors.New("per_address: handshake_rate: expected handshakes a second, up to 1e9")
	case l.HandshakeBurst > 0 && l.HandshakeRate == 0:
		return errors.New("per_address: handshake_burst: expected handshake_rate, too")
	case l.FailureWindow < 0:
		return errors.New("per_address: failure_window: unexpected value below 0")
	}
	return nil
}

// limits returns the limits for the hub.
func (l *PerAddress) limits() hub.AddressLimits {
	all := hub.DefaultRoute().PerAddress
	if l == nil {
		return all
	}
	all.MaxConnections, all.HandshakeRate, all.HandshakeBurst = l.MaxConnections, l.HandshakeRate, l.HandshakeBurst
	if all.HandshakeBurst == 0 {
		all.HandshakeBurst = burstOf(l.HandshakeRate)
	}
	overrideLimit(&all.MaxUnjoined, l.MaxUnjoined)
	overrideLimit(&all.MaxNamespaces, l.MaxNamespaces)
	overrideLimit(&all.MaxFailures, l.MaxFailures)
	if l.FailureWindow > 0 {
		all.FailureWindow = time.Duration(l.FailureWindow)
	}
	return all
}

// overrideLimit sets a limit if the config has one. A limit that is off becomes zero.
func overrideLimit(to *int, from int) {
	switch {
	case from == noLimit:
		*to = 0
	case from > 0:
		*to = from
	}
}
