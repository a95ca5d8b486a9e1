// Package roster keeps a node's view of the rooms of a namespace in a cluster: the nodes
// that live, the members of rooms, the sizes of rooms, and which node leads. It knows
// keys and rooms, but no sockets; the hub reports the ones of its own node.
//
// It is data and a protocol. It has no goroutine, no lock and no clock: the hub calls
// [Roster.Tick] at the time of [Roster.Next], and sends the messages. All calls are made
// with one lock held.
//
// # Protocol
//
// A node owns its entries: its members and sizes, and the rooms that it announced as
// occupied. It sends each change to all nodes, in messages with consecutive numbers. A
// node that finds a gap, or a node that it does not know, requests a snapshot of all
// entries. A snapshot has as many messages as it needs; the next one is sent when the
// last one was received. Changes in between are sent as always. So a view is complete
// when the snapshot is, whatever was lost before. Entries that the snapshot lacks are
// removed then.
//
// Each node sends a heartbeat every three seconds. A node that was silent for ten
// seconds has left, and so have its members. While the adapter has no connection, no
// node leaves: the silence is its own.
//
// # Leader
//
// A node gets a rank two seconds after it opened: one above the highest rank that it
// knows. The node with the lowest rank leads. So a node that comes later never takes over
// from one that lives. The leader announces rooms that become occupied or vacated. Its
// announcements are entries, which its successor takes over. When a partition ends, two
// leaders meet. The elder one stays, and announces again the rooms about which the two
// differ.
//
// # Limits
//
// A message has about 64 KB at most. There are at most 1,024 nodes, with a million
// entries or 1 GiB together. Malformed messages, and entries beyond the limits, are counted and
// ignored.
package roster
