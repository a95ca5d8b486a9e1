package hub_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/gorilla/websocket"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// testTimeout bounds how long a test waits.
const testTimeout = time.Minute

// newHub serves a hub over HTTP until the test ends.
func newHub(t testing.TB) (*hub.Hub, string) {
	t.Helper()
	var log *zap.Logger
	if tt, ok := t.(*testing.T); ok {
		log = zaptest.NewLogger(tt, zaptest.Level(zap.WarnLevel))
	}
	h := hub.New(hub.Options{Name: "test", Log: log})
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		h.Close()
		s.Close()
	})
	return h, "ws" + strings.TrimPrefix(s.URL, "http") + "/socket.io/"
}

// client is a bare client: it reads and writes Engine.IO packets as text.
type client struct {
	t    testing.TB
	conn *websocket.Conn
	sid  string // of the connection
}

// dialClient opens a connection; it is in no namespace yet, except for version 3.
func dialClient(t testing.TB, url, version string) *client {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(url+"?transport=websocket&EIO="+version, http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	c := &client{t: t, conn: conn}
	t.Cleanup(func() { conn.Close() })
	var open struct{ SID string }
	c.parseJSON(strings.TrimPrefix(c.readPacket(), "0"), &open)
	c.sid = open.SID
	return c
}

// joinNamespace opens a connection and joins a namespace. It returns the socket's id.
func joinNamespace(t testing.TB, url, namespace, auth string) (*client, string) {
	t.Helper()
	c := dialClient(t, url, "4")
	return c, c.joinNamespace(namespace, auth)
}

func (c *client) joinNamespace(namespace, auth string) string {
	c.t.Helper()
	prefix := "40"
	if namespace != "/" {
		prefix += namespace + ","
	}
	c.sendPacket(prefix + auth)
	answer := c.readPacket()
	rest, ok := strings.CutPrefix(answer, prefix)
	if !ok {
		c.t.Fatalf("got %q, want %s{...}", answer, prefix)
	}
	var connected struct{ SID string }
	c.parseJSON(rest, &connected)
	return connected.SID
}

func (c *client) parseJSON(text string, into any) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		c.t.Fatalf("%q: %v", text, err)
	}
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
	text, err := c.readNext()
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

func (c *client) readNext() (string, error) {
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(testTimeout))
		_, data, err := c.conn.ReadMessage()
		if err != nil || string(data) != "2" {
			return string(data), err
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

// wantClosed reads until the connection is closed, and returns the packets read.
func (c *client) wantClosed() (before []string) {
	c.t.Helper()
	for {
		text, err := c.readNext()
		if err != nil {
			if e, ok := err.(interface{ Timeout() bool }); ok && e.Timeout() {
				c.t.Fatal("the connection stays open")
			}
			return before
		}
		before = append(before, text)
	}
}

// syncEvents waits until the server has handled all packets of the client in a namespace.
// It emits an event that handleSync acknowledges.
func (c *client) syncEvents(namespace string) {
	c.t.Helper()
	prefix := ""
	if namespace != "/" {
		prefix = namespace + ","
	}
	c.sendPacket("42" + prefix + `7["sync"]`)
	c.wantPacket("43" + prefix + "7[]")
}

// handleSync registers the handler that [client.syncEvents] needs.
func handleSync(ns *hub.Namespace) {
	ns.On("sync", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error { return ev.Ack() }))
}

// receiveWithin returns the next value of a channel.
func receiveWithin[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(testTimeout):
		t.Fatal("no value in time")
	}
	panic("unreachable")
}
