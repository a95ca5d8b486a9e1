// Package clienttest has a Socket.IO client for tests. It speaks Engine.IO 4 over a
// WebSocket, and sends and reads packets as text. A test fails with the first error.
package clienttest

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// ReadTimeout bounds the wait for each packet.
const ReadTimeout = time.Minute

// Client is a client with one WebSocket. Its methods are for the test's goroutine,
// except Next.
type Client struct {
	*websocket.Conn
	t testing.TB
}

// Dial opens a connection to ADDRESS/socket.io/ and reads the open packet. query is
// appended to the query of the URL, header is sent with the request. The connection is
// closed when the test ends.
func Dial(t testing.TB, address, query string, header http.Header) Client {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+address+"/socket.io/?EIO=4&transport=websocket"+query, header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := Client{conn, t}
	c.Expect("0{*")
	return c
}

// Send sends a packet.
func (c Client) Send(packet string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
		c.t.Fatal(err)
	}
}

// Next returns the next packet that is not a ping, or the error of the connection.
func (c Client) Next() (string, error) {
	for {
		_ = c.SetReadDeadline(time.Now().Add(ReadTimeout))
		_, text, err := c.ReadMessage()
		if err != nil || string(text) != "2" {
			return string(text), err
		}
		c.Send("3")
	}
}

// Read returns the next packet that is not a ping.
func (c Client) Read() string {
	c.t.Helper()
	packet, err := c.Next()
	if err != nil {
		c.t.Fatal(err)
	}
	return packet
}

// Expect reads a packet, which must be want. A star at the end of want matches any
// text.
func (c Client) Expect(want string) string {
	c.t.Helper()
	got, err := c.Next()
	if err != nil {
		c.t.Fatalf("%v, want %s", err, want)
	}
	prefix, open := strings.CutSuffix(want, "*")
	if got != want && !(open && strings.HasPrefix(got, prefix)) {
		c.t.Errorf("got  %s\nwant %s", got, want)
	}
	return got
}

// Call sends a packet and expects another.
func (c Client) Call(packet, want string) {
	c.t.Helper()
	c.Send(packet)
	c.Expect(want)
}

// Request sends a packet and returns the next one.
func (c Client) Request(packet string) string {
	c.t.Helper()
	c.Send(packet)
	return c.Read()
}

// ExpectClosed reads until the connection is closed. Before that, a disconnect packet
// of /app may come.
func (c Client) ExpectClosed() {
	c.t.Helper()
	for {
		packet, err := c.Next()
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			c.t.Fatal("the connection stays open")
		}
		if err != nil {
			return
		}
		if packet != "41/app," {
			c.t.Errorf("got %s on a connection that closes", packet)
		}
	}
}
