package hub

import (
	"sync/atomic"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// stats counts what happens in a hub.
type stats struct {
	refusedPackets, limited, unpublished atomic.Uint64
}

// Stats is what a hub counted since it was made.
type Stats struct {
	// Engine counts connections.
	Engine engine.Stats
	// RefusedPackets counts packets that broke the protocol, each of which
	// cost its sender the connection.
	RefusedPackets uint64
	// Limited counts events and connects that were dropped because of a rate
	// limit.
	Limited uint64
	// Unpublished counts what could not be told to other nodes.
	Unpublished uint64
	// Namespaces counts what happened in each namespace that exists now.
	Namespaces []NamespaceStats
}

// NamespaceStats is what a namespace counted since it was made.
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
	list := h.Namespaces()
	s := Stats{
		Engine:         h.engine.Stats(),
		RefusedPackets: h.stats.refusedPackets.Load(),
		Limited:        h.stats.limited.Load(),
		Unpublished:    h.stats.unpublished.Load(),
		Namespaces:     make([]NamespaceStats, len(list)),
	}
	for i, ns := range list {
		s.Namespaces[i] = NamespaceStats{
			Name: ns.name, Sockets: ns.Len(), Rooms: ns.Rooms(),
			Connected: ns.connected.Load(), Disconnected: ns.disconnected.Load(), Refused: ns.refused.Load(),
			Events: ns.events.Load(), Delivered: ns.delivered.Load(),
		}
	}
	return s
}
