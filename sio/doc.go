// Package sio decodes and encodes the packets of Socket.IO: protocol 4, of clients of
// the 2.x series, and protocol 5, of 3.x and 4.x.
//
// A payload stays the JSON text that its sender wrote, with its binary values beside it
// as attachments ([Data]). It is checked once, by the decoder, and parsed only for
// values that a caller looks up. So relaying an event neither rounds its numbers nor
// reorders its keys.
//
// A binary value is a placeholder object in the JSON text,
// {"_placeholder":true,"num":N}. To the author of the text it is an ordinary object.
// The package admits a placeholder only for an attachment of its own packet, and each
// attachment at most once. Otherwise a client could refer to the attachments of another
// client's event that contains its value, or make one attachment count a thousand times.
//
// The package does not know namespaces, sockets, acknowledgements or reserved event
// names; its callers do. It starts no goroutine. Many goroutines may read the same
// [Data] or [Packet], which never change; one goroutine at a time uses a [Decoder].
package sio
