// Package redis is the cluster engine that speaks the wire format of Node's
// @socket.io/redis-adapter 8, so that hubs in Caddy share rooms with each other,
// with Socket.IO servers in Node, and with the emitters of many languages that
// publish to Redis (socket.io-emitter 2 and 3, @socket.io/redis-emitter 4 and 5,
// and their ports).
//
// # Channels
//
// With K being the key, "socket.io" by default, and N the name of a namespace:
//
//	K#N#             what is emitted, as a MessagePack array [uid, packet, opts]
//	K#N#ROOM#        the same, when it is for exactly one room
//	K-request#N#     requests between servers: JSON objects with a number as type
//	K-response#N#    responses to them
//	K-response#N#UID# responses to one server: clients' acknowledgements
//
// Each server that has the namespace subscribes to all of them, and finds out by
// PUBSUB NUMSUB how many servers there are. Hubs but the default one have a key of
// their own, K:HUB.
//
// # Sharded
//
// Where settings say so, servers speak as those with createShardedAdapter do, by
// Redis 7's sharded publish/subscribe, whose channels are others:
//
//	K#N#        {type, data, uid, nsp}, as JSON or, with binary in it, as MessagePack
//	K#N#ROOM#   the same, an emit for exactly one room
//	K#N#UID#    answers to one server
//
// In the mode called dynamic, rooms have channels of their own, but for those whose
// names have 20 characters, as ids of sockets do; in dynamic-private, all have; in
// static, none. A server is subscribed to the channels of rooms that somebody is in
// there, or may come back to. It subscribes when the first one joins, which takes a
// moment: what another server sends to the room before that is not heard, as with
// Node. In a Redis Cluster, each channel is at the server that has its slot, so that
// load is spread, and order is kept for each channel, not among them.
//
// # Life
//
// All hubs and namespaces of one process, and all configs that mean the same
// Redis, share one link: a connection that subscribes, one that publishes, and a
// goroutine for each. Neither a hub nor a client ever waits for Redis. While it is
// away, what is to be published is kept for a moment, and counted when it is given
// up; when it is back, so are the subscriptions.
//
// Redis is trusted: messages carry no signature, and who can publish can emit to
// and disconnect anybody. What is malformed is counted and ignored, though.
package redis
