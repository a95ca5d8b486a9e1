// Package memory keeps the recovery log and the lost sockets of a namespace in this
// process. [Log.Open] makes a [cluster.Recorder] of any adapter: of [cluster.Alone], and
// of an adapter whose nodes do not share a recovery log.
//
// # Contents of the log
//
// An event is recorded on each node that delivers it, whether this node emitted it or
// another one did, with an offset of the node's own. So a client recovers only on the
// node that it was connected to. Operations on sockets are recorded between the events:
// a replay applies them to a lost socket in their order, and an operation costs the same
// however many sockets are lost.
//
// The log outlives its adapter: when a config replaces the cluster, the next adapter
// continues it.
//
// # Limits
//
// Events and operations stay for the recovery time and five seconds more, at most
// 100,000 of them with 16 MiB. Lost sockets stay for the recovery time, at most 50,000
// of them with 64 MiB. The oldest are removed first.
//
// # Locks
//
// Log.order → the hub's locks → Log.mu, a leaf. With order held, Record and the node's
// Apply deliver an event to sockets: a socket gets all events in the order of their
// offsets.
package memory
