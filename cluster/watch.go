package cluster

// RoomWatcher is what a [Node] may be besides: it tells which rooms there are on
// this node, for engines that subscribe to rooms one by one. Its methods call
// nobody and may be called while an adapter is opened.
type RoomWatcher interface {
	Node

	// HasRoom reports whether what is sent to a room matters to this node:
	// somebody is in it, or may come back to it. It may be true when that is
	// not known.
	HasRoom(room string) bool

	// WatchRooms calls changed with the name of each room that comes to be or
	// ends from now on, after that: what is true by then, the watch says. Who
	// joins and leaves waits for changed, which must not call the node.
	WatchRooms(changed func(room string)) RoomWatch
}

// RoomWatch is a view of a node's rooms, those that somebody may come back to
// included. Its methods are safe for concurrent use.
type RoomWatch interface {
	// Has reports whether a room is there.
	Has(room string) bool

	// Rooms returns the names of all rooms, in no particular order.
	Rooms() []string

	// Stop ends the watch. No call of changed begins after it has returned.
	Stop()
}
