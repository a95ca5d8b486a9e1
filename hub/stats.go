package hub

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddy-socketio/caddy-socketio/internal/histogram"
)

// stats are the counters of a hub.
type stats struct {
	refusedPackets, unpublished, panics, malformed, failedAttempts, overMemory atomic.Uint64
}

// EngineStats counts connections, requests and bytes.
type EngineStats = engine.Stats

// Stats are the counters of a hub. They begin at 0 when the hub is made.
type Stats struct {
	// Engine counts connections, see [EngineStats].
	Engine EngineStats
	// RefusedPackets counts packets that broke the protocol. For each of them a
	// connection was closed.
	RefusedPackets uint64
	// OverMemory counts connections that were closed because they kept more memory than
	// their route allows.
	OverMemory uint64
	// Limited counts uses of limits of rates, by reason: events and connects that were
	// dropped, and pauses in which a client was not read.
	Limited map[string]uint64
	// Unpublished counts operations that were not published to other nodes.
	Unpublished uint64
	// Malformed counts malformed messages of other nodes about members and leaders.
	Malformed uint64
	// Panics counts handlers of events that panicked. For each of them a connection
	// was closed.
	Panics uint64
	// FailedAttempts counts connects that were refused because of a wrong token or
	// password, see [AddressLimits].
	FailedAttempts uint64
	// AddressRefused counts handshakes and connects over a limit of their address, and
	// AddressEvicted connections and namespaces that lost their place to another address.
	// The keys are connections, handshake_rate, unjoined, namespaces and failures.
	AddressRefused, AddressEvicted map[string]uint64
	// HandlerTimes are the durations of handlers, by their names, see [Config.HandlerName].
	HandlerTimes map[string]Histogram
	// Namespaces are the counters of each namespace, in the order of their names. All
	// namespaces of a glob in the config are counted together, under the glob.
	Namespaces []NamespaceStats
}

// counts are the counters of a namespace, or of all namespaces of a glob.
type counts struct {
	connected, disconnected, refused, events, delivered atomic.Uint64
	// Histograms: sockets of this node that a broadcast was queued for, how long that took,
	// and how long events of clients waited for their handlers.
	broadcastSizes, broadcastTimes, inboxWaits *histogram.Histogram
}

func newCounts() *counts {
	return &counts{
		broadcastSizes: histogram.New(histogram.Numbers), broadcastTimes: histogram.New(histogram.Durations),
		inboxWaits: histogram.New(histogram.Durations),
	}
}

// noteBroadcast notes the size and the time of an emit to a target that was queued for n
// sockets. It began at a time of readClock.
func (c *counts) noteBroadcast(began int64, n int) {
	c.broadcastSizes.Observe(int64(n))
	c.broadcastTimes.Observe(readClock() - began)
}

// Histogram is the number of values up to each of some bounds. Durations are in nanoseconds.
type Histogram = histogram.Snapshot

// NamespaceStats are the counters of a namespace, or of all namespaces of a glob. They
// begin at 0 when a config first has the name.
type NamespaceStats struct {
	// Name is a name or a glob of the config, or the name of a namespace that a Go
	// program made.
	Name string
	// Sockets and Rooms are the numbers of the moment, on this node.
	Sockets, Rooms int
	// Connected, Disconnected and Refused count sockets; refused ones got a connect
	// error.
	Connected, Disconnected, Refused uint64
	// Events counts events that clients sent. Delivered counts events that were queued for
	// clients, once a socket: of broadcasts, of emits to one socket, of replays and of history.
	Events, Delivered uint64
	// BroadcastSizes are the numbers of sockets of this node that emits to a target were
	// queued for, the ones of other nodes included. BroadcastTimes are how long that took.
	BroadcastSizes, BroadcastTimes Histogram
	// InboxWaits are how long events of clients waited until their handlers began.
	InboxWaits Histogram
}

// Stats returns the counters.
func (h *Hub) Stats() Stats {
	refused, evicted := h.addressEvents.copyCounts()
	return Stats{
		Engine:         h.engine.Stats(),
		RefusedPackets: h.stats.refusedPackets.Load(),
		OverMemory:     h.stats.overMemory.Load(),
		Limited:        h.rateLimits.listCounts(),
		Unpublished:    h.stats.unpublished.Load(),
		Malformed:      h.stats.malformed.Load(),
		Panics:         h.stats.panics.Load(),
		Namespaces:     h.namespaceStats(),
		FailedAttempts: h.stats.failedAttempts.Load(),
		AddressRefused: refused, AddressEvicted: evicted,
		HandlerTimes: h.handlerTimes.snapshot(),
	}
}

// QueueDepths are the bytes that wait for clients at a moment.
type QueueDepths = engine.QueueDepths

// QueueDepths measures the queues of all connections. It locks each of them for a moment: it is
// for metrics, which are read every few seconds.
func (h *Hub) QueueDepths() QueueDepths { return h.engine.QueueDepths() }

// namespaceStats returns the counters of the namespaces.
func (h *Hub) namespaceStats() []NamespaceStats {
	type size struct{ sockets, rooms int }
	sizes := make(map[*counts]size)
	for _, ns := range h.Namespaces() {
		c := ns.counts.Load()
		sizes[c] = size{sizes[c].sockets + ns.Len(), sizes[c].rooms + ns.Rooms()}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]NamespaceStats, 0, len(h.counts))
	for _, name := range slices.Sorted(maps.Keys(h.counts)) {
		c := h.counts[name]
		list = append(list, NamespaceStats{
			Name: name, Sockets: sizes[c].sockets, Rooms: sizes[c].rooms,
			Connected: c.connected.Load(), Disconnected: c.disconnected.Load(), Refused: c.refused.Load(),
			Events: c.events.Load(), Delivered: c.delivered.Load(),
			BroadcastSizes: c.broadcastSizes.Snapshot(), BroadcastTimes: c.broadcastTimes.Snapshot(),
			InboxWaits: c.inboxWaits.Snapshot(),
		})
	}
	return list
}
