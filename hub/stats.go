package hub

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// stats counts what happens in a hub.
type stats struct {
	refusedPackets, rateLimited, unpublished, panics atomic.Uint64
}

// EngineStats counts connections, requests and bytes.
type EngineStats = engine.Stats

// Stats is what a hub counted since it was made.
type Stats struct {
	// Engine counts connections.
	Engine EngineStats
	// RefusedPackets counts packets that broke the protocol, each of which
	// cost its sender the connection.
	RefusedPackets uint64
	// Limited counts events and connects that were dropped because of a rate
	// limit.
	Limited uint64
	// Unpublished counts what could not be told to other nodes.
	Unpublished uint64
	// Panics counts handlers of events that panicked, each of which cost a client
	// its connection.
	Panics uint64
	// Namespaces counts what happened in each namespace, in the order of their
	// names. Those that a glob of the config names are counted together, under
	// the glob.
	Namespaces []NamespaceStats
}

// counts is what happened in a namespace, or in all that a glob names.
type counts struct {
	connected, disconnected, refused, events, delivered atomic.Uint64
}

// NamespaceStats is what happened in a namespace, or in all that a glob names, since
// the config has it.
type NamespaceStats struct {
	Name string
	// Sockets and Rooms are those of the moment, on this node.
	Sockets, Rooms int
	// Connected, Disconnected and Refused count sockets.
	Connected, Disconnected, Refused uint64
	// Events counts events of clients, Delivered those queued for clients.
	Events, Delivered uint64
}

// Stats returns what the hub counted.
func (h *Hub) Stats() Stats {
	return Stats{
		Engine:         h.engine.Stats(),
		RefusedPackets: h.stats.refusedPackets.Load(),
		Limited:        h.stats.rateLimited.Load(),
		Unpublished:    h.stats.unpublished.Load(),
		Panics:         h.stats.panics.Load(),
		Namespaces:     h.namespaceStats(),
	}
}

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
		})
	}
	return list
}
