package hub

import "time"

// Limits that are in no config.
const (
	// MaxNamespaces is how many namespaces one connection may be in.
	MaxNamespaces = 64
	// MaxRooms is how many rooms one socket may be in, the room of its id included.
	MaxRooms = 1000
	// MaxRoomName is how many bytes a room's name may have.
	MaxRoomName = 512
	// MaxData is how many bytes the keys and values of one socket's data may have
	// together, see [Socket.Set].
	MaxData = 256 << 10
	// MaxAuth is how many bytes the auth objects of one connection may have, of all
	// its namespaces together, see [Handshake].
	MaxAuth = 1 << 20
	// MaxDynamic is how many namespaces may exist at a time because a glob of
	// the config matched their names. Beyond it, the oldest one of the address that made
	// most is removed for an address that made fewer, unless other addresses use it.
	MaxDynamic = 10_000
	// MaxHistory is how many events of a room may be kept, see [History].
	MaxHistory = 1000
	// MinInterval and MaxInterval bound the interval of a [Periodic].
	MinInterval = time.Second
	MaxInterval = 24 * time.Hour
	// MaxUnjoined is how many connections may be in no namespace yet. Beyond it, the
	// oldest one of the address that has most is closed for an address that has fewer.
	// Others are refused with status 503.
	MaxUnjoined = 20_000
)

// DefaultTimeout is how long acknowledgements and replies of other nodes are awaited by
// default.
const DefaultTimeout = 5 * time.Second

// attachmentsTimeout is how long a client may take to send the attachments of a packet.
const attachmentsTimeout = 30 * time.Second
