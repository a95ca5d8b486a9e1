// Package messages encodes and decodes the messages between nodes of a cluster. It covers the
// part that the adapters of Node.js share: rooms, options and sockets in JSON, the events
// that a node may send, and the messages of ClusterAdapter in the npm package
// socket.io-adapter. The sharded adapter of @socket.io/redis-adapter and
// @socket.io/redis-streams-adapter send these messages.
//
// Messages of other nodes are read leniently: there are many versions, and emitters in
// many languages. The package knows neither Redis, channels and streams, nor the envelope
// of a message.
package messages
