// Package msgpack translates between Socket.IO's JSON with attachments and
// MessagePack as JavaScript's encoders write it: notepack.io 3 (what Node's
// Redis adapter 8 and emitter 5 use), notepack.io 1 and 2, and msgpack-lite (their
// forerunners). It writes what notepack.io 3 would, byte for byte, and reads all
// of them, with Dates, undefined and typed arrays as JSON.stringify would have
// them.
//
// Values go from one text to the other without being built in between: the order
// of an object's keys is kept, and only the output grows. What is read may come
// from anybody who can reach the wire; it is never trusted to be well-formed, and
// no length in it is believed before the bytes are seen to be there.
package msgpack

import "errors"

// MaxDepth bounds the nesting of arrays and maps, both ways. It is what package
// sio takes.
const MaxDepth = 1000

// ErrInvalid is wrapped by every error of the package: text that is no JSON
// value, bytes that are no MessagePack, or what the other form can't express.
var ErrInvalid = errors.New("invalid MessagePack data")
