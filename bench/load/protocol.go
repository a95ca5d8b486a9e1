package load

// Kind is the meaning of a message of a server.
type Kind int

// The kinds of messages.
const (
	Ignored   Kind = iota // nothing to do
	Opened                // the server waits for Connect
	Connected             // the client may join a room
	Acked                 // the reply to the message with this id
	Delivered             // a broadcast: its payload
	Pinged                // the server waits for Pong
)

// Message is one message of a server.
type Message struct {
	Kind    Kind
	ID      int    // of Acked
	Payload []byte // of Acked and Delivered, valid during the call
}

// Protocol encodes and decodes the messages of one kind of server.
type Protocol interface {
	// Path returns the path and query of the request that opens a connection with a transport
	// ("websocket" or "polling").
	Path(transport string) string
	// Greet returns the message after the WebSocket has opened, or nil if the server sends first.
	Greet() []byte
	// Connect returns the reply to Opened, Pong the reply to Pinged.
	Connect() []byte
	Pong() []byte
	// Join, Leave, Echo and Broadcast return messages that the server acknowledges with id.
	// A broadcast to a room reaches all its members, the sender too.
	Join(id int, room string) []byte
	Leave(id int, room string) []byte
	Echo(id int, text []byte) []byte
	Broadcast(id int, room string, payload []byte) []byte
	// Parse calls yield with each message in the payload of a frame.
	Parse(frame []byte, yield func(Message)) error
}

// cutInt returns the decimal number at the begin of data and the rest.
func cutInt(data []byte) (n int, rest []byte) {
	i := 0
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		n = 10*n + int(data[i]-'0')
		i++
	}
	return n, data[i:]
}
