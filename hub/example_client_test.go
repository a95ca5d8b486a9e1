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

// visit connects a visitor to a namespace other than "/".
func visit(h *hub.Hub, namespace string) *visitor {
	v := &visitor{server: httptest.NewServer(h), namespace: namespace + ","}
	url := "ws" + strings.TrimPrefix(v.server.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	must(err)
	v.conn = conn
	v.read()
	v.write("40" + v.namespace + `{"name":"ada"}`)
	if answer := v.read(); !strings.HasPrefix(answer, "40") {
		panic(answer)
	}
	return v
}

// emit emits an event, which is written as a JSON array.
func (v *visitor) emit(event string) { v.write("42" + v.namespace + event) }

// next returns the next event, or another packet.
func (v *visitor) next() string { return strings.TrimPrefix(v.read(), "42"+v.namespace) }

// acknowledge acknowledges the next event.
func (v *visitor) acknowledge(answer string) {
	go func() {
		id, _, _ := strings.Cut(v.next(), "[")
		v.write("43" + v.namespace + id + answer)
	}()
}

func (v *visitor) read() string {
	_, text, err := v.conn.ReadMessage()
	must(err)
	return string(text)
}

func (v *visitor) write(text string) {
	must(v.conn.WriteMessage(websocket.TextMessage, []byte(text)))
}

// leave ends the visitor's connection.
func (v *visitor) leave() {
	v.conn.Close()
	v.server.Close()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
