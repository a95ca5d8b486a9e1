// Package rooms knows which members are in which rooms.
//
// A room is a set of members with a name. It comes to be when the first member
// joins and is gone when the last one leaves. What a member is the package does
// not care about: the sockets of a Socket.IO namespace, for instance. It sends
// nothing; [Index.Select] says who is meant by a [Target], by Socket.IO's rules:
// the members of any of the rooms, each once, except those of other rooms.
//
// # Structure
//
// Both sides know each other. A room has its members in one dense slice, so that
// selecting a room is one copy. A member has a short list of seats, which say the
// rooms it is in and its place in the slice of each. Who leaves is found at once,
// and the last of the slice takes the free place, so neither joining nor leaving
// depends on how large a room is. The list of seats is searched one by one while
// it is short, as it nearly always is, and through a map when it is not.
//
// Members are numbered without gaps, and next to its members a room has their
// numbers. A union of rooms marks the numbers it has seen in a bitmap that is
// kept for the next union and wiped where it was written, so it costs what the
// rooms are large and allocates nothing. What is excepted is a single member
// nearly always, the sender: its place is looked up in the one room that is
// selected, which is then copied around it.
//
// Slices and maps shrink when three quarters of them are unused. Large maps are
// divided, so that shrinking them stops nobody for long.
//
// # Order
//
// Members of a room are in no particular order. The rooms of a member are in the
// order in which it joined them, and events come in the order in which things
// happened.
//
// # Lock
//
// One read-write lock guards an index. It is a leaf: no other lock is taken and
// nobody is called while it is held, so an index may be used under any lock of
// the caller. It is held for reading while members are copied out and for writing
// while seats are taken and left. Subscribers are called without it, by whoever
// joins or leaves.
package rooms
