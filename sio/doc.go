// Package sio knows the packets of Socket.IO: protocol 4, spoken by clients of
// the 2.x series, and protocol 5, spoken by 3.x and 4.x.
//
// A payload is kept as the JSON text its sender wrote, with its binary values
// beside it as attachments ([Data]); it is checked once, when it comes in, and
// read only where somebody asks for a value in it. Relaying an event therefore
// neither rounds its numbers nor reorders its keys.
//
// A binary value stands in the JSON text as a placeholder object,
// {"_placeholder":true,"num":N}, which is an ordinary object to whoever writes
// the text. The package lets no placeholder through that does not stand for
// one attachment of its own packet, each attachment being named once at most:
// otherwise a client could point into the attachments of somebody else's event
// that its value is put into, or make one attachment count a thousand times.
//
// The package does not know namespaces, sockets, acknowledgements or reserved
// event names; that is for those who use it. Nothing here starts a goroutine.
// Values of [Data] and [Packet] may be read by many goroutines and are never
// changed; a [Decoder] belongs to one goroutine at a time.
package sio
