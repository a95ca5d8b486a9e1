// Package redisadapter joins the nodes of a cluster through a Redis. It has one
// connection, one namespace and one adapter for all wire formats; a dialect writes and
// reads the messages of one of Node.js's adapters:
//
//   - classic: publish/subscribe channels of socket.io-redis and createAdapter of
//     @socket.io/redis-adapter (classic*.go)
//   - sharded: sharded publish/subscribe of createShardedAdapter (sharded*.go)
//   - streams: a stream, and channels for requests, of @socket.io/redis-streams-adapter
//     (streams*.go)
//
// A connection connects and reconnects, subscribes for namespaces as they open and
// close, retries subscriptions that Redis refused, publishes from a bounded queue,
// collects the replies of other nodes, and replies to their requests. Neither a hub nor
// a client waits for Redis, except for the offset of an event in the streams dialect.
//
// # Locks
//
// The lock of Connections goes before the locks of connections. The lock of a
// connection goes before the locks of its namespaces, which go before the locks of
// inboxes and of the queue. The locks of inboxes, the queue, pending requests, routes,
// changed rooms and of the streams dialect are leaves. No lock is held while a node is
// called or a command is sent.
//
// # Goroutines
//
// A connection has one goroutine that connects and subscribes and one that publishes;
// the streams dialect has a third one that reads the stream. They end with the
// connection. An inbox has one while something is in it.
package redisadapter
