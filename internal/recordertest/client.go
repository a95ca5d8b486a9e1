package recordertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// timeout bounds how long a case waits.
const timeout = 20 * time.Second

// identity is the id and the pid of a socket.
type identity struct{ SID, PID string }

// client reads and writes Engine.IO packets as text.
type client struct {
	t    testing.TB
	conn *websocket.Conn
}

// dialClient opens a connection; it is in no namespace yet.
func dialClient(t testing.TB, s *server) *client {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(s.url+"?transport=websocket&EIO=4", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	c := &client{t: t, conn: conn}
	t.Cleanup(func() { conn.Close() })
	c.readPacket()
	return c
}

func (c *client) sendPacket(text string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// readPacket returns the next packet except pings.
func (c *client) readPacket() string {
	c.t.Helper()
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(timeout))
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			c.t.Fatal(err)
		}
		if string(data) != "2" {
			return string(data)
		}
	}
}

// wantPacket reads the next packet and compares it.
func (c *client) wantPacket(packet string) {
	c.t.Helper()
	if got := c.readPacket(); got != packet {
		c.t.Fatalf("got %q, want %q", got, packet)
	}
}

// connectSocket sends a connect packet with auth. It returns the events that come before the
// client is connected, and its socket.
func (c *client) connectSocket(auth string) (events []string, is identity) {
	c.t.Helper()
	c.sendPacket("40/chat," + auth)
	return c.readEvents()
}

// reconnect connects as the socket with a pid.
func (c *client) reconnect(pid string) (events []string, is identity) {
	c.t.Helper()
	return c.connectSocket(fmt.Sprintf(`{"pid":%q}`, pid))
}

// readConnect returns the client's socket from the connect packet, which is the next one.
func (c *client) readConnect() (is identity) {
	c.t.Helper()
	packet := c.readPacket()
	reply, ok := strings.CutPrefix(packet, "40/chat,")
	if !ok {
		c.t.Fatalf("got %q in place of a connect packet", packet)
	}
	if err := json.Unmarshal([]byte(reply), &is); err != nil {
		c.t.Fatal(err)
	}
	return is
}

// readEvents returns the names of the events that follow the connect packet, and the
// client's socket.
func (c *client) readEvents() (names []string, is identity) {
	c.t.Helper()
	is = c.readConnect()
	c.sendPacket(`42/chat,8["sync"]`)
	for {
		packet := c.readPacket()
		if packet == "43/chat,8[]" {
			return names, is
		}
		names = append(names, strings.Split(packet, `"`)[1])
	}
}

// syncEvents waits until the server has handled all packets of the client.
func (c *client) syncEvents() {
	c.t.Helper()
	c.sendPacket(`42/chat,7["sync"]`)
	c.wantPacket("43/chat,7[]")
}

// receiveWithin returns the next value of a channel.
func receiveWithin[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(timeout):
		t.Fatal("no value in time")
	}
	panic("unreachable")
}
