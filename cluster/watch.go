package cluster

// RoomWatcher is a [Node] that reports the rooms of this node, for adapters that subscribe
// to each room. Its methods call no adapter, and may be called while an adapter is opened.
type RoomWatcher interface {
	Node

	// HasRoom reports whether this node needs the events of a room: a socket is in it,
	// or a lost socket may be.
	HasRoom(room string) bool

	// WatchRooms calls changed, from then on, after each creation and deletion of a room.
	// The watch has the state by then. A socket that joins or leaves waits for changed,
	// which must not call the node.
	WatchRooms(changed func(room string)) RoomWatch
}

// RoomWatch is a view of a node's rooms, with the rooms of lost sockets. Its methods are
// safe for concurrent use.
type RoomWatch interface {
	// Has reports whether a room exists.
	Has(room string) bool

	// Rooms returns the names of all rooms, in no particular order.
	Rooms() []string

	// Stop ends the watch. No call of changed begins after it has returned.
	Stop()
}
