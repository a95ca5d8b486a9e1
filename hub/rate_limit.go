package hub

import (
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Rate is how many events, packets or bytes may come in a second, and how many at once.
// The zero value is no limit.
type Rate = engine.Rate

// Reasons in [Stats.Limited], besides the reasons of pauses that the engine has.
const (
	limitedConnection = "connection" // events and connects dropped by the rate of their connection
	limitedRule       = "rule"       // events dropped by the rate of their rule
	limitedRoom       = "room"       // emits refused by the rate of a room
	limitedRoomBytes  = "room_bytes" // the same, by their bytes
)

// limitReasons are all reasons in the order of rateLimits.counts.
var limitReasons = [...]string{
	limitedConnection, limitedRule, limitedRoom, limitedRoomBytes,
	engine.PausedByPackets, engine.PausedByBytes, engine.PausedByIdle, engine.PausedByInflate,
}

// rateLimits counts the packets and pauses beyond limits of rates, and limits the warnings.
type rateLimits struct {
	counts   [len(limitReasons)]atomic.Uint64
	warnings warnings
}

// listCounts returns the counters by reason.
func (l *rateLimits) listCounts() map[string]uint64 {
	list := make(map[string]uint64, len(limitReasons))
	for i, reason := range limitReasons {
		list[reason] = l.counts[i].Load()
	}
	return list
}

// countLimited counts one use of a limit by a session's client and logs it. The first one of
// each reason and address is a warning, later ones are at debug level: clients could fill the
// log.
func (h *Hub) countLimited(s *engine.Session, reason string, fields ...zap.Field) {
	limits := &h.rateLimits
	for i, known := range limitReasons {
		if known == reason {
			limits.counts[i].Add(1)
		}
	}
	address := s.Handshake().Address
	level := zapcore.DebugLevel
	if limits.warnings.admitKey(reason + " " + address) {
		level = zapcore.WarnLevel
	}
	if e := h.log().Check(level, "rate limit exceeded"); e != nil {
		e.Write(append(fields, zap.String("hub", h.name), zap.String("reason", reason), zap.String("address", address))...)
	}
}

// dropExcess counts an event or connect that a limit drops. The client of a flood is not
// read for a while: each drop may cost a reply.
func (c *client) dropExcess(reason, namespace, event string) {
	c.hub.countLimited(c.session, reason, zap.String("namespace", shortenText(namespace)), zap.String("event", shortenText(event)))
	c.session.SpendIdle()
}

// countPause counts that the client of a session is not read for a while.
func (h *Hub) countPause(s *engine.Session, reason string) { h.countLimited(s, reason) }
