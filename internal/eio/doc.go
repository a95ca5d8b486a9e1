// Package eio reads and writes what Engine.IO puts on the wire, in revision 3
// (clients 1.x and 2.x) and revision 4 (clients 3.x and 4.x): packets, the
// payloads of HTTP long-polling that join packets, and the server's WebSocket
// frames.
//
// What comes in is parsed by [Parse], one WebSocket message at a time, and by
// [Packets], one POST body at a time. Both are made for hostile input: they
// work in linear time, allocate nothing by a length that the peer announces,
// and each of their errors wraps [ErrPacket].
//
// What goes out is a [Message]. It is rendered once for each [Encoding] that
// somebody asks for, and all sessions of a broadcast share the bytes.
//
// The package does no I/O, starts no goroutine and holds no state of a
// session. All of it is safe for concurrent use; nothing it has been given or
// has handed out may be changed.
package eio
