package engine

import (
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/bucket"
	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// Rate is a rate with a burst; the zero value is no limit.
type Rate = bucket.Rate

// The reasons of pauses, see [Options.Paused].
const (
	PausedByPackets = "packets" // Config.PacketRate
	PausedByBytes   = "bytes"   // Config.ByteRate
	PausedByIdle    = "idle"    // packets that have no meaning
	PausedByInflate = "inflate" // compressed messages, by the bytes that they inflate to
)

// idleRate is the limit of packets without a meaning, which no config changes. A client that
// obeys the protocol stays below it.
var idleRate = Rate{PerSecond: 200, Burst: 1000}

// inflateRate is the limit of inflated bytes, which no config changes. A client can send a
// thousandth of them.
var inflateRate = Rate{PerSecond: 8 << 20, Burst: 16 << 20}

const (
	// minMaxPause is the least value of the longest pause, whatever the heartbeat.
	minMaxPause = 100 * time.Millisecond
	// pauseStep is how often a pause looks at the config, at least.
	pauseStep = time.Second
)

// MaxPause returns the longest time for which a client is not read because of its rates: half
// of the ping interval or of the ping timeout, whichever is shorter. Then the server reads one
// message or one POST more. So a client keeps its connection, and a proxy in front gets the
// response to a POST in time. A limit is exact if a message of MaxPayload needs no longer pause.
func (c Config) MaxPause() time.Duration {
	all := c.withDefaults()
	h := heartbeat{interval: int64(all.PingInterval), timeout: int64(all.PingTimeout)}
	return h.maxPause()
}

// maxPause is [Config.MaxPause] for one session.
func (h *heartbeat) maxPause() time.Duration {
	return max(time.Duration(min(h.interval, h.timeout)/2), minMaxPause)
}

// rates are the token buckets of one session. It has none before the first packet that
// counts.
type rates struct {
	mu                            sync.Mutex // guards the following; a leaf
	packets, bytes, idle, inflate bucket.Bucket
}

// ratesOf returns the buckets of the session.
func (s *Session) ratesOf() *rates {
	if r := s.intake.rates.Load(); r != nil {
		return r
	}
	s.intake.rates.CompareAndSwap(nil, new(rates))
	return s.intake.rates.Load()
}

// TakePacket counts a packet that may be dropped, and reports whether [Config.PacketRate]
// allows it.
func (s *Session) TakePacket() bool {
	limit := s.route.config.Load().PacketRate
	if !limit.IsLimit() {
		return true
	}
	r := s.ratesOf()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packets.Take(limit, 1, s.server.now())
}

// SpendPacket counts a packet that is not dropped. Beyond [Config.PacketRate] the client is
// not read for a while.
func (s *Session) SpendPacket() {
	limit := s.route.config.Load().PacketRate
	if !limit.IsLimit() {
		return
	}
	r := s.ratesOf()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets.Spend(limit, 1, s.heartbeat.maxPause(), s.server.now())
}

// SpendIdle counts a packet that has no effect, or was dropped. Beyond a rate that no config
// changes, the client is not read for a while.
func (s *Session) SpendIdle() {
	r := s.ratesOf()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle.Spend(idleRate, 1, s.heartbeat.maxPause(), s.server.now())
}

// SpendUseless counts a packet without a meaning: by [Session.SpendPacket] and
// [Session.SpendIdle].
func (s *Session) SpendUseless() {
	s.SpendPacket()
	s.SpendIdle()
}

// spendBytes counts the bytes of a packet.
func (s *Session) spendBytes(n int) {
	limit := s.route.config.Load().ByteRate
	if !limit.IsLimit() {
		return
	}
	r := s.ratesOf()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes.Spend(limit, float64(n), s.heartbeat.maxPause(), s.server.now())
}

// spendInflated counts the bytes of a message that was inflated. Beyond inflateRate the client
// is not read for a while.
func (s *Session) spendInflated(n int) {
	r := s.ratesOf()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inflate.Spend(inflateRate, float64(n), s.heartbeat.maxPause(), s.server.now())
}

// longestDebt returns the time until no limit is exceeded, and the reason.
func (s *Session) longestDebt(r *rates) (d time.Duration, reason string) {
	c, now := s.route.config.Load(), s.server.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range [...]struct {
		bucket *bucket.Bucket
		rate   Rate
		reason string
	}{
		{&r.packets, c.PacketRate, PausedByPackets},
		{&r.bytes, c.ByteRate, PausedByBytes},
		{&r.idle, idleRate, PausedByIdle},
		{&r.inflate, inflateRate, PausedByInflate},
	} {
		if debt := l.bucket.Debt(l.rate, now); debt > d {
			d, reason = debt, l.reason
		}
	}
	return d, reason
}

// awaitRates waits while the session exceeds a limit, until it closes or until stop is
// closed. The caller does not read the client meanwhile, so that TCP makes it wait. Its
// silence is no reason to close the session then. Heartbeats go on: a client of revision 4 gets
// pings by the schedule, one of revision 3 gets early pongs.
func (s *Session) awaitRates(stop <-chan struct{}) {
	r := s.intake.rates.Load()
	if r == nil {
		return
	}
	d, reason := s.longestDebt(r)
	if d == 0 {
		return
	}
	if paused := s.server.options.Paused; paused != nil {
		paused(s, reason)
	}
	s.heartbeat.receiving.Add(1)
	defer s.endReceiving()
	step := min(pauseStep, s.heartbeat.maxPause()/2)
	for ; d > 0; d, _ = s.longestDebt(r) {
		s.sendEarlyPong()
		timer := time.NewTimer(min(d, step))
		select {
		case <-timer.C:
		case <-s.done:
			timer.Stop()
			return
		case <-stop:
			timer.Stop()
			return
		}
	}
}

// sendEarlyPong replies to a ping that a client of revision 3 must have sent by now. The ping is
// still unread, behind messages that wait for a pause to end: without the pong, the client
// would close its connection. The ping gets a second reply when it is read, which is harmless.
func (s *Session) sendEarlyPong() {
	h, now := &s.heartbeat, s.server.now()
	last := h.lastPong.Load()
	if s.handshake.Version == eio.V3 && now-last >= h.interval+h.timeout/2 && h.lastPong.CompareAndSwap(last, now) {
		s.Send(pongPacket)
	}
}

// spendHeartbeat counts a ping or pong of the client, unless it is the one that the
// protocol demands.
func (s *Session) spendHeartbeat(expected bool) {
	if !expected {
		s.SpendUseless()
	}
}

// isPingDue reports whether a ping of a client of revision 3 is no more than one in half
// an interval.
func (h *heartbeat) isPingDue(now int64) bool {
	last := h.lastPing.Load()
	return now-last >= h.interval/2 && h.lastPing.CompareAndSwap(last, now)
}
