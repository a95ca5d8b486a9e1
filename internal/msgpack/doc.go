// Package msgpack translates between Socket.IO's JSON with attachments and the MessagePack
// of JavaScript's encoders. They are notepack.io 3 (in the Redis adapter 8 and emitter 5
// of Node.js) and the older notepack.io 1 and 2 and msgpack-lite. The package writes the
// same bytes as notepack.io 3, and reads the output of all of them. Dates, undefined and
// typed arrays become JSON as JSON.stringify writes them.
//
// Values are translated directly from one text to the other: the order of an object's keys
// stays, and only the output takes memory. Messages are untrusted: any program that
// reaches Redis may have written them. The reader uses a length only after it has checked
// that the bytes are there.
package msgpack

import "errors"

// MaxDepth bounds the nesting of arrays and maps, in both directions. Package sio has the
// same bound.
const MaxDepth = 1000

// ErrInvalid is wrapped by every error of the package: for text that is not a JSON value,
// bytes that are not MessagePack, and values that the other format cannot express.
var ErrInvalid = errors.New("invalid MessagePack data")
