// Package eio reads and writes Engine.IO's wire format, in revision 3 (clients 1.x and
// 2.x) and revision 4 (clients 3.x and 4.x): packets, the payloads of HTTP long-polling
// that join packets, and the server's WebSocket frames.
//
// [Parse] reads one WebSocket message, and [Packets] reads one POST body. Both are safe
// with hostile input: they take linear time, do not allocate by a length that the client
// announces, and each of their errors wraps [ErrPacket].
//
// A [Message] is data to send. It is rendered once for each [Encoding] in use, and all
// sessions of a broadcast share the bytes.
//
// The package does no I/O, starts no goroutine and has no state of a session. All of it
// is safe for concurrent use; its arguments and results must not change afterwards.
package eio
