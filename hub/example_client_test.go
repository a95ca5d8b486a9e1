package hub_test

import (
	"net/http/httptest"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/gorilla/websocket"
)

// visitor is a client of the examples, in place of a browser with the official client.
type visitor struct {
	server    *httptest.Server
	conn      *websocket.Conn
	namespace string
}

// connectVisitor connects a visitor to a namespace other than "/".
func connectVisitor(h *hub.Hub, namespace string) *visitor {
	v := &visitor{server: httptest.NewServer(h), namespace: namespace + ","}
	url := "ws" + strings.TrimPrefix(v.server.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	panicOn(err)
	v.conn = conn
	v.readMessage()
	v.writeMessage("40" + v.namespace + `{"name":"ada"}`)
	if answer := v.readMessage(); !strings.HasPrefix(answer, "40") {
		panic(answer)
	}
	return v
}

// emitEvent emits an event, which is written as a JSON array.
func (v *visitor) emitEvent(event string) { v.writeMessage("42" + v.namespace + event) }

// readEvent returns the next event, or another packet.
func (v *visitor) readEvent() string { return strings.TrimPrefix(v.readMessage(), "42"+v.namespace) }

// ackNext acknowledges the next event.
func (v *visitor) ackNext(answer string) {
	go func() {
		id, _, _ := strings.Cut(v.readEvent(), "[")
		v.writeMessage("43" + v.namespace + id + answer)
	}()
}

func (v *visitor) readMessage() string {
	_, text, err := v.conn.ReadMessage()
	panicOn(err)
	return string(text)
}

func (v *visitor) writeMessage(text string) {
	panicOn(v.conn.WriteMessage(websocket.TextMessage, []byte(text)))
}

// closeConnection ends the visitor's connection.
func (v *visitor) closeConnection() {
	v.conn.Close()
	v.server.Close()
}

func panicOn(err error) {
	if err != nil {
		panic(err)
	}
}
