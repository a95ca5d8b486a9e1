// Package budget counts the memory that is kept because of clients, and bounds it.
//
// A [Process] is the budget of all connections, an [Account] the budget of one. Both count
// bytes that wait, not bytes that pass: a message that a quick client accepts at once is
// not charged. Counting takes no lock.
//
// When the process reaches its limit, its owner refuses connections, see [Process.Full].
// The process slows the accounts that hold more than their fair share: their connections
// are not read. After a second it drops them, the largest first, until 90 % are used.
// An account with less than its share is never touched, and the shares together are less
// than the limit: so other accounts' memory never costs a client its connection.
//
// A Process has a timer while it has accounts and a limit, and a goroutine while it is
// above the limit. Its lock is a leaf; callbacks are called without it.
package budget
