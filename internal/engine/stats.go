package engine

import (
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// Stats is what a [Server] has counted since it began.
type Stats struct {
	// Polling and WebSocket are the live sessions by transport, Unjoined those of
	// them for which Joined has not been called.
	Polling, WebSocket, Unjoined int
	// Opened counts handshakes, Upgraded sessions that changed to WebSocket.
	Opened, Upgraded uint64
	// Closed counts ended sessions by reason. Reasons that are not the engine's
	// own are counted together under "other".
	Closed map[string]uint64
	// Refused counts requests that were answered with an Engine.IO error, by its
	// code; 503 counts those refused for want of room.
	Refused map[int]uint64
	// PacketsIn and BytesIn are whole packets of clients and their sizes,
	// PacketsOut and BytesOut those written.
	PacketsIn, BytesIn, PacketsOut, BytesOut uint64
	// Overflowed counts clients dropped because of a full queue, VolatileDropped
	// volatile messages that a client was not ready for.
	SlowClients, VolatileDropped uint64
	// TooLarge counts messages beyond the payload limit.
	TooLarge uint64
}

type counters struct {
	polling, webSocket                       atomic.Int64
	opened, upgraded                         atomic.Uint64
	closed                                   [6]atomic.Uint64 // in the order of closedReasons; others last
	refused                                  [7]atomic.Uint64 // by code; 503 last
	packetsIn, bytesIn, packetsOut, bytesOut atomic.Uint64
	slowClients, volatileDropped, tooLarge   atomic.Uint64
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
	if e == refusedFull {
		c.refused[6].Add(1)
		return
	}
	c.refused[e.code].Add(1)
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

// Stats returns the counters of the moment. They are read one by one: sums may be
// off by what happens meanwhile.
func (s *Server) Stats() Stats {
	c := &s.stats
	out := Stats{
		Polling:         int(c.polling.Load()),
		WebSocket:       int(c.webSocket.Load()),
		Unjoined:        int(s.unjoined.Load()),
		Opened:          c.opened.Load(),
		Upgraded:        c.upgraded.Load(),
		Closed:          make(map[string]uint64, len(c.closed)),
		Refused:         make(map[int]uint64, len(c.refused)),
		PacketsIn:       c.packetsIn.Load(),
		BytesIn:         c.bytesIn.Load(),
		PacketsOut:      c.packetsOut.Load(),
		BytesOut:        c.bytesOut.Load(),
		SlowClients:     c.slowClients.Load(),
		VolatileDropped: c.volatileDropped.Load(),
		TooLarge:        c.tooLarge.Load(),
	}
	for i, r := range closedReasons {
		out.Closed[r] = c.closed[i].Load()
	}
	out.Closed["other"] = c.closed[len(closedReasons)].Load()
	for code := range 6 {
		out.Refused[code] = c.refused[code].Load()
	}
	out.Refused[503] = c.refused[6].Load()
	return out
}
