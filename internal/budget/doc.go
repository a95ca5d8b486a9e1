// Package budget counts the memory that is kept because of clients, and bounds it.
//
// A [Process] is the budget of all connections, an [Account] the budget of one. Both count
// bytes that wait, not bytes that pass: a message that a quick client accepts at once is
// not charged. Counting takes no lock.
//
// When the process reaches its limit, its owner refuses connections, see [Process.Refuses].
// The process sums up the accounts of each address, and slows the largest accounts of the
// largest addresses: their connections are not read. After a second it drops them, until 90 %
// are used. The shares of all addresses together are 90 % of the limit: so other addresses'
// memory never costs a client its connection.
//
// A [Cache] is memory that outlives connections. It has an account of its own.
//
// A Process has a timer while it has accounts and a limit, and a goroutine while it is
// above the limit. Its lock is a leaf; callbacks are called without it.
package budget
