// Package rooms keeps an index of members and the rooms that they are in.
//
// A room is a set of members with a name. It exists from its first member's join to
// its last member's leave. The package does not know the type of its members; for a
// Socket.IO namespace they are sockets. It sends nothing. [Index.Select] returns the
// members that a [Target] matches, by Socket.IO's rules: the members of any of its
// rooms, each once, except the members of the excluded rooms.
//
// # Structure
//
// Both sides point to each other. A room has its members in one dense slice, so that
// selecting a room is one copy. A member has a short list of memberships: each names
// a room and the member's place in its slice. So a leaving member is found at once,
// and the last member of the slice moves to the free place. Neither join nor leave
// depends on the size of the room. The list of memberships is searched one by one
// while it is short, which is nearly always, and through a map when it is long.
//
// Members are numbered without gaps, and next to its members a room has their
// numbers. A union of rooms marks in a bitmap the numbers that it has selected. The
// bitmap is kept for the next union and cleared where it was written. So the cost of
// a union follows the size of its rooms, and it allocates nothing. An exception is
// nearly always a single member, the sender: its place is looked up in the one room
// that is selected, and the copy skips it.
//
// Slices and maps shrink when three quarters of them are unused. Large maps are
// divided into parts, so that shrinking one does not hold the lock for long.
//
// # Order
//
// Members of a room are in no particular order. The rooms of a member are in the
// order of its joins, and events come in the order of the changes.
//
// # Lock
//
// One read-write lock guards an index. It is a leaf: while the package holds it, it
// takes no other lock and calls no foreign code. So an index may be used under any
// lock of the caller. The lock is held for reading while members are copied, and for
// writing while memberships change. Subscribers are called without it, on the
// goroutine that made the change.
package rooms
