package engine

import (
	"net/http"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// Stats are the counters of a [Server], since it was made.
type Stats struct {
	// Polling and WebSocket are the numbers of open sessions by transport. Unjoined is
	// the number of open sessions for which MarkJoined has not been called.
	Polling, WebSocket, Unjoined int
	// Opened counts handshakes. Upgraded counts upgrades from polling to WebSocket.
	Opened, Upgraded uint64
	// Closed counts closed sessions by reason. Reasons that are not constants of this
	// package count under "other".
	Closed map[string]uint64
	// Refused counts HTTP requests refused with an Engine.IO error, by its code. Under
	// 503 it counts handshakes refused because the server or route was full, or the
	// process overloaded, and under 429 the ones over a limit of their address.
	Refused map[int]uint64
	// Overloaded counts the handshakes refused with status 503, by the reasons of
	// [Options.Overloaded], [LimitConnections], [LimitUnjoined], and "closed": the session
	// closed before its receiver accepted it, or was refused by it.
	Overloaded map[string]uint64
	// PacketsIn and BytesIn count whole packets from clients, and their bytes.
	// PacketsOut and BytesOut count packets written, and their bytes on the wire.
	PacketsIn, BytesIn, PacketsOut, BytesOut uint64
	// SlowClients counts sessions closed because their queue overflowed.
	// VolatileDropped counts volatile messages that a client was not ready for.
	SlowClients, VolatileDropped uint64
	// TooLarge counts messages and POST bodies larger than MaxPayload. SlowMessages counts
	// messages and POST bodies that arrived too slowly.
	TooLarge, SlowMessages uint64
}

type counters struct {
	polling, webSocket                       atomic.Int64
	opened, upgraded                         atomic.Uint64
	closed                                   [6]atomic.Uint64 // in the order of closedReasons; others last
	refused                                  [8]atomic.Uint64 // by code; then 503, 429
	packetsIn, bytesIn, packetsOut, bytesOut atomic.Uint64
	slowClients, volatileDropped             atomic.Uint64
	tooLarge, slowMessages                   atomic.Uint64
}

var closedReasons = [...]string{ReasonTransportClose, ReasonTransportError, ReasonPingTimeout, ReasonParseError, ReasonForced}

func (c *counters) countClosed(reason string) {
	for i, r := range closedReasons {
		if r == reason {
			c.closed[i].Add(1)
			return
		}
	}
	c.closed[len(closedReasons)].Add(1)
}

func (c *counters) countRefused(e *refusal) {
	switch e.status {
	case http.StatusServiceUnavailable:
		c.refused[6].Add(1)
	case http.StatusTooManyRequests:
		c.refused[7].Add(1)
	default:
		c.refused[e.code].Add(1)
	}
}

// countReply counts the packets and bytes of the reply to a poll.
func (c *counters) countReply(payload []*eio.Message, size int) {
	packets := 0
	for _, m := range payload {
		packets += m.Packets()
	}
	c.packetsOut.Add(uint64(packets))
	c.bytesOut.Add(uint64(size))
}

// Stats returns the current counters. They are read one by one, so that sums may be off
// by events that happen meanwhile.
func (s *Server) Stats() Stats {
	c := &s.stats
	out := Stats{
		Polling:         int(c.polling.Load()),
		WebSocket:       int(c.webSocket.Load()),
		Unjoined:        s.unjoined.Len(),
		Opened:          c.opened.Load(),
		Upgraded:        c.upgraded.Load(),
		Closed:          make(map[string]uint64, len(c.closed)),
		Refused:         make(map[int]uint64, len(c.refused)),
		Overloaded:      s.overload.copyCounts(),
		PacketsIn:       c.packetsIn.Load(),
		BytesIn:         c.bytesIn.Load(),
		PacketsOut:      c.packetsOut.Load(),
		BytesOut:        c.bytesOut.Load(),
		SlowClients:     c.slowClients.Load(),
		VolatileDropped: c.volatileDropped.Load(),
		TooLarge:        c.tooLarge.Load(),
		SlowMessages:    c.slowMessages.Load(),
	}
	for i, r := range closedReasons {
		out.Closed[r] = c.closed[i].Load()
	}
	out.Closed["other"] = c.closed[len(closedReasons)].Load()
	for code := range 6 {
		out.Refused[code] = c.refused[code].Load()
	}
	out.Refused[503], out.Refused[429] = c.refused[6].Load(), c.refused[7].Load()
	return out
}
