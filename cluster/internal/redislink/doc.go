// Package redislink is the life of a process's connection to a Redis, which is the same
// for all engines that use one: connecting and connecting again, subscribing for
// namespaces that come and go, trying again what Redis refused, telling how it is
// doing, publishing from a bounded queue, asking other servers and collecting their
// answers, and having a node answer theirs.
//
// It does not know what is subscribed to, nor what messages say: an engine's lines,
// messages and commands are its own. A hub or a client never waits for Redis here.
//
// A link's lock goes before those of its lines, which go before those of inboxes and
// queues. The lock of questions is a leaf, as are those of inboxes and queues.
package redislink
