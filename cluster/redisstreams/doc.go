// Package redisstreams is the cluster adapter with the wire format of Node.js's
// @socket.io/redis-streams-adapter 0.3. Hubs in Caddy share rooms with each other and with
// Socket.IO servers in Node.js through a Redis stream. The stream is the recovery log, too:
// a client recovers its socket, and the events since the loss, on any node. A node that
// was cut off for a moment reads the entries since then.
//
// # Stream and channels
//
// S is the stream, C the prefix of channels ("socket.io" by default, both), and N the name
// of a namespace:
//
//	XADD S MAXLEN ~ 10000 * uid U nsp N type T data D
//	PUBLISH C#N#     requests, as MessagePack {type, data, uid, nsp, after}
//	PUBLISH C#N#U#   replies to the node U
//	SET sio:session:PID
//
// Entries of events have a tag besides, which tells them from the other entries of U.
// After is the sender's last entry; Caddy handles the request after that entry. Types 64
// and 65 request a node to close a stale socket, and reply to that. Node.js ignores all of
// these.
//
// The stream carries emits (type 3), and operations that join (4), leave (5) and
// disconnect (6). Its data is JSON or, with binary in it, base64 of MessagePack, as is the
// value of a lost socket. Each node of the namespace subscribes to both channels, and
// counts the nodes by PUBSUB NUMSUB. All hubs but the default one have names of their own,
// with :HUB at the end of S and C.
//
// # Connection
//
// All namespaces of a hub, and all configs with the same settings, share one connection.
// Neither a hub nor a client waits for Redis, except for the offset of an event while
// recovery is on, and then not for long. While Redis is away, operations are queued for up
// to a minute and requests for up to 5 seconds, and then counted as dropped. When Redis is
// back, the stream is read on from the last entry.
//
// Redis is trusted: messages are not signed, and every writer can emit to all sockets and
// disconnect them. Malformed messages are counted and ignored.
package redisstreams
