// Package peer is what the servers of a cluster say to each other, as far as Node's
// adapters agree on it: how rooms, options and sockets look in JSON, which events may be
// sent, and the messages of ClusterAdapter in Node's package socket.io-adapter, which
// both @socket.io/redis-adapter's sharded dialect and @socket.io/redis-streams-adapter
// speak.
//
// Other servers are read leniently: there are many versions, and emitters in many
// languages. It knows nothing of Redis, of channels and streams, nor of which envelope
// a message travels in.
package peer
