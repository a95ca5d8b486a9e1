// Package tail shows the events, joins, leaves, connects, connect errors and disconnects of the
// sockets of a hub as they happen, on all nodes of its cluster.
//
// A [Tail] has a queue of its own, which the hub's goroutines fill without waiting. A tail that
// is read too slowly ends: its last record says so. The other nodes send records as long as the
// tail renews its request, every few seconds. While no tail is open, nothing is observed.
package tail
