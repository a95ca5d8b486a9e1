package hub

import (
	"time"
)

// What bounds a client, whatever it sends.
const (
	// MaxNamespaces is how many namespaces one connection may be in.
	MaxNamespaces = 64
	// MaxRooms is how many rooms one socket may be in, that of its id included.
	MaxRooms = 1000
	// MaxRoomName is how many bytes a room's name may have.
	MaxRoomName = 512
	// MaxData is how many bytes the keys and values of one socket's data may
	// have, see [Socket.Set].
	MaxData = 256 << 10
	// MaxAuth is how many bytes the clients' auth objects of one connection may
	// have, of all its namespaces together; see [Socket.Auth].
	MaxAuth = 1 << 20
	// MaxDynamic is how many namespaces may exist at a time because a glob of
	// the config matched their names.
	MaxDynamic = 10_000
	// MaxUnjoined is how many connections may be in no namespace yet; more are
	// turned away.
	MaxUnjoined = 20_000
)

// DefaultTimeout is how long is waited for acknowledgements and other nodes, where
// nothing else is said.
const DefaultTimeout = 5 * time.Second

// attachmentsTimeout is how long the attachments of one packet may take.
const attachmentsTimeout = 30 * time.Second
