// Package redisstreams is the cluster engine that speaks the wire format of Node's
// @socket.io/redis-streams-adapter 0.3, so that hubs in Caddy share rooms with each
// other and with Socket.IO servers in Node, by way of a Redis stream. What is
// emitted is kept in the stream: a server that was cut off for a moment catches up,
// and a client that was finds what it missed, on whichever server it comes back to.
//
// # Stream and channels
//
// With S being the stream, C the prefix of channels ("socket.io" by default, both)
// and N the name of a namespace:
//
//	XADD S MAXLEN ~ 10000 * uid U nsp N type T data D
//	PUBLISH C#N#     questions, as MessagePack {type, data, uid, nsp, after}
//	PUBLISH C#N#U#   answers to the server U
//	SET sio:session:PID
//
// Entries of events have a tag besides, which tells them from all others of U. After is
// the sender's last entry, after which Caddy handles the question. Types 64 and 65 ask for
// a socket by its pid, and answer that. Node.js's servers ignore all of these.
//
// The stream carries what is emitted (type 3), and orders to join (4), leave (5)
// and disconnect (6). Its data is JSON text or, with binary in it, base64 of
// MessagePack, as the value of a session is. Each server that has the namespace
// subscribes to both channels, and finds out by PUBSUB NUMSUB how many servers there
// are. Hubs but the default one have names of their own, with :HUB at the end of S
// and C.
//
// # Life
//
// All namespaces of a hub, and all configs that mean the same Redis, share one
// link: a connection that reads the stream, one that subscribes, one for everything
// else, and a goroutine for each. Neither a hub nor a client ever waits for Redis,
// but for the offset that an event has in the stream where clients may come back for
// it, and then not for long. While Redis is away, what is to be published is kept
// for a moment, and counted when it is given up; when it is back, the stream is read
// on from where it was left.
//
// Redis is trusted: messages carry no signature, and who can write can emit to and
// disconnect anybody. What is malformed is counted and ignored, though.
package redisstreams
