package hub

import "github.com/caddy-socketio/caddy-socketio/cluster"

// NodeOf returns a namespace as the adapters of a cluster see it.
func NodeOf(ns *Namespace) cluster.Node { return node{ns} }

// HandleRoomEvent handles RoomOccupied or RoomVacated of a room.
func HandleRoomEvent(ns *Namespace, t EventType, room string) { ns.handleRoomEvent(t, room) }

// CountWatches returns how many measurements count deliveries.
func CountWatches(h *Hub) int { return len(h.watches.listRunning()) }

// MaxWatchedRooms is the limit of the rooms that a measurement counts.
const MaxWatchedRooms = maxWatchedRooms
