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
//	K-response#N#UID# responses to one server
//
// Each server that has the namespace subscribes to all of them, and finds out by
// PUBSUB NUMSUB how many servers there are. Hubs but the default one have a key of
// their own, K:HUB.
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
