// Package redis is the cluster adapter with the wire format of Node.js's
// @socket.io/redis-adapter 8. Hubs in Caddy share rooms with each other and with Socket.IO
// servers in Node.js. Emitters in many languages publish to them: socket.io-emitter 2 and
// 3, @socket.io/redis-emitter 4 and 5, and their ports.
//
// # Channels
//
// K is the key, "socket.io" by default, and N is the name of a namespace:
//
//	K#N#             emits, as a MessagePack array [uid, packet, opts]
//	K#N#ROOM#        emits to exactly one room
//	K-request#N#     requests between nodes: JSON objects with a number as type
//	K-response#N#    replies to them
//	K-response#N#UID# replies to one node: clients' acknowledgements
//
// Each node of the namespace subscribes to all of them, and counts the nodes by PUBSUB
// NUMSUB. All hubs but the default one have a key of their own, K:HUB.
//
// # Sharded
//
// With the option sharded, the wire format is createShardedAdapter's, which uses the
// sharded publish/subscribe of Redis 7. The channels are:
//
//	K#N#        {type, data, uid, nsp}, as JSON or, with binary in it, as MessagePack
//	K#N#ROOM#   the same, for an emit to exactly one room
//	K#N#UID#    replies to one node
//
// In the mode dynamic, each room has a channel of its own, except for rooms whose names
// have 20 characters, as ids of sockets do; in dynamic-private, each room has one; in
// static, none. A node subscribes to the channel of a room while sockets, or lost sockets,
// are in the room there. Subscribing takes a moment: emits to the room before that do not
// arrive, as with Node.js. In a Redis Cluster, each channel is at the server with its
// slot. So the load is spread, and order is kept within a channel only.
//
// # Connection
//
// All hubs and namespaces of a process, and all configs with the same settings, share one
// connection. Neither a hub nor a client waits for Redis. While Redis is away, messages are
// queued for up to 5 seconds, and then counted as dropped. When Redis is back, the
// connection subscribes again.
//
// Redis is trusted: messages are not signed, and every publisher can emit to all sockets
// and disconnect them. Malformed messages are counted and ignored.
package redis
