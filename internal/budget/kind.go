package budget

// Kind is a use of memory that accounts are charged for.
type Kind uint8

// The kinds.
const (
	// Session is the cost of an idle connection, with the kept parts of its handshake.
	Session Kind = iota
	// Reading is messages and bodies that are read.
	Reading
	// Inbound is events that wait or are handled.
	Inbound
	// Attachments is the attachments of a packet that is not complete.
	Attachments
	// Auth is the auth objects of sockets.
	Auth
	// Data is the data of sockets, and the values that handlers keep on them.
	Data
	// Rooms is the memberships of sockets, with the names of their rooms.
	Rooms
	// Queue is messages that wait for the client.
	Queue
	// Backend is requests to backends and their replies.
	Backend
	// Acks is acknowledgements that an emit keeps until it has all of them.
	Acks
	// Polls is replies to polls that are written.
	Polls
	// Recovery is lost sockets, and the events and operations that they may have missed.
	Recovery
	// History is the kept events of rooms.
	History
	// KindCount is the number of kinds.
	KindCount
)

var kindNames = [KindCount]string{
	"session", "reading", "inbound", "attachments", "auth", "data", "rooms", "queue", "backend", "acks", "polls", "recovery", "history",
}

// String returns the name of the kind in logs and metrics.
func (k Kind) String() string { return kindNames[k] }
