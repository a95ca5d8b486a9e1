package load

import (
	"bytes"
	"fmt"
)

// Centrifuge is the JSON protocol of Centrifuge.
type Centrifuge struct{}

// Path returns the path of the WebSocket handler.
func (Centrifuge) Path(string) string { return "/connection/websocket" }

// connectID is the id of the connect command. Others are larger.
const connectID = 1 << 30

// Greet returns the connect command.
func (Centrifuge) Greet() []byte { return fmt.Appendf(nil, `{"id":%d,"connect":{}}`, connectID) }

// Connect returns nil: Greet has connected.
func (Centrifuge) Connect() []byte { return nil }

// Pong returns the reply to a ping.
func (Centrifuge) Pong() []byte { return []byte("{}") }

// Join returns a subscribe command.
func (Centrifuge) Join(id int, room string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"subscribe":{"channel":"%s"}}`, id, room)
}

// Leave returns an unsubscribe command.
func (Centrifuge) Leave(id int, room string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"unsubscribe":{"channel":"%s"}}`, id, room)
}

// Echo returns a call of the method "echo".
func (Centrifuge) Echo(id int, text []byte) []byte {
	return fmt.Appendf(nil, `{"id":%d,"rpc":{"method":"echo","data":"%s"}}`, id, text)
}

// Broadcast returns a publish command. Centrifuge replies to each, so an id of 0 becomes 1.
func (Centrifuge) Broadcast(id int, room string, payload []byte) []byte {
	return fmt.Appendf(nil, `{"id":%d,"publish":{"channel":"%s","data":"%s"}}`, max(id, 1), room, payload)
}

var (
	pushPrefix = []byte(`{"push":{`)
	dataKey    = []byte(`"data":"`)
	idPrefix   = []byte(`{"id":`)
)

// Parse reads the replies of a frame, one a line.
func (Centrifuge) Parse(frame []byte, yield func(Message)) error {
	for line := range bytes.SplitSeq(frame, []byte("\n")) {
		switch {
		case bytes.HasPrefix(line, pushPrefix):
			_, data, ok := bytes.Cut(line, dataKey)
			data, _, closed := bytes.Cut(data, []byte{'"'})
			if !ok || !closed {
				return fmt.Errorf("parse push: no data in %.80q", line)
			}
			yield(Message{Kind: Delivered, Payload: data})
		case bytes.HasPrefix(line, idPrefix):
			if bytes.Contains(line, []byte(`"error"`)) {
				return fmt.Errorf("parse reply: %.200s", line)
			}
			id, rest := cutInt(line[len(idPrefix):])
			if id == connectID {
				yield(Message{Kind: Connected})
			} else {
				yield(Message{Kind: Acked, ID: id, Payload: rest})
			}
		case string(line) == "{}":
			yield(Message{Kind: Pinged})
		case len(line) > 0:
			return fmt.Errorf("parse reply: unexpected %.80q", line)
		}
	}
	return nil
}
