package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// client is a Socket.IO client in one namespace, over polling.
type client struct {
	t         testing.TB
	url       string // of its session
	namespace string // as packets name it: "" or "/chat,"
	id        string
	packets   []string // polled, and not yet read
}

// connectClients connects clients to a namespace.
func (f *fixture) connectClients(server *httptest.Server, namespace string, clients int) []*client {
	f.Helper()
	list := make([]*client, clients)
	for i := range list {
		list[i] = connectClient(f.TB, server, namespace)
	}
	return list
}

func connectClient(t testing.TB, server *httptest.Server, namespace string) *client {
	t.Helper()
	c := &client{t: t, url: server.URL + "/socket.io/?EIO=4&transport=polling"}
	if namespace != "/" {
		c.namespace = namespace + ","
	}
	var opened, connected struct {
		SID string `json:"sid"`
	}
	c.decodeJSON(strings.TrimPrefix(c.readPacket(), "0"), &opened)
	c.url += "&sid=" + opened.SID
	c.postPacket("40" + c.namespace)
	c.decodeJSON(strings.TrimPrefix(c.readPacket(), "40"+c.namespace), &connected)
	c.id = connected.SID
	return c
}

func (c *client) decodeJSON(text string, into any) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		c.t.Fatalf("%q: %v", text, err)
	}
}

// readPacket returns the next packet that is not a ping.
func (c *client) readPacket() string {
	c.t.Helper()
	for {
		for len(c.packets) == 0 {
			c.packets = strings.Split(c.sendRequest(http.MethodGet, ""), "\x1e")
		}
		p := c.packets[0]
		c.packets = c.packets[1:]
		if p != "2" {
			return p
		}
	}
}

// readEvent returns the JSON of the next packet, which must be an event.
func (c *client) readEvent() string {
	c.t.Helper()
	text, ok := strings.CutPrefix(c.readPacket(), "42"+c.namespace)
	if !ok {
		c.t.Fatalf("expected an event, got %q", text)
	}
	return text
}

func (c *client) postPacket(packet string) {
	c.t.Helper()
	c.sendRequest(http.MethodPost, packet)
}

func (c *client) sendRequest(method, body string) string {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: status %d, %s, %v", method, resp.StatusCode, b, err)
	}
	return string(b)
}
