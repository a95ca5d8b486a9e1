package hub_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/gorilla/websocket"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// requestStatus makes an HTTP request with a header and returns the status.
func requestStatus(t *testing.T, url, name, value string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(name, value)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// A refused origin is logged once for each route and config, with a limit.
func TestRefusedOriginIsLoggedOnce(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	c := hub.Config{Log: zap.New(core), Routes: []hub.RouteConfig{newRouteConfig("r", "/a"), newRouteConfig("s", "/b")}}
	s := newSite(t, c)
	url := strings.Replace(s.url, "ws://", "http://", 1)
	refused := func(route int, origin string) {
		t.Helper()
		if status := requestStatus(t, fmt.Sprintf("%s/%d/?EIO=4&transport=polling", url, route), "Origin", origin); status != http.StatusForbidden {
			t.Fatalf("%s: status %d", origin, status)
		}
	}
	logged := func() int { return logs.FilterMessage("origin refused").Len() }
	for range 3 {
		refused(0, "https://app.example.com")
	}
	got := logs.FilterMessage("origin refused").All()
	if len(got) != 1 || got[0].ContextMap()["origin"] != "https://app.example.com" || got[0].ContextMap()["remedy"] == "" {
		t.Fatalf("logged %v, want one warning", got)
	}
	refused(1, "https://app.example.com")
	refused(0, "null")
	if logged() != 3 {
		t.Errorf("%d warnings, want 3", logged())
	}
	s.reloadConfig(c)
	refused(0, "https://app.example.com")
	if logged() != 4 {
		t.Errorf("%d warnings after a reload, want 4", logged())
	}
	for i := range 200 {
		refused(0, fmt.Sprintf("https://%d.%s", i, strings.Repeat("x", 1000)))
	}
	if logged() != 103 {
		t.Errorf("%d warnings, want 103: a route has at most 100", logged())
	}
	for _, entry := range logs.All() {
		if origin := entry.ContextMap()["origin"].(string); len(origin) > 210 {
			t.Errorf("an origin of %d bytes is logged", len(origin))
		}
	}
}

// The first packet of a client with another parser is logged.
func TestUnknownParserIsLogged(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	s := newSite(t, hub.Config{Log: zap.New(core), Routes: []hub.RouteConfig{newRouteConfig("r", "/")}})
	const message = "the first packet of a client is not a packet of Socket.IO: connection closed"
	send := func(kind int, data string) {
		t.Helper()
		c := dialClient(t, s.url+"/0/", "4")
		if err := c.conn.WriteMessage(kind, []byte(data)); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := c.readNext(); err != nil {
				return // it is closed
			}
		}
	}
	for _, test := range []struct {
		kind         int
		data, format string
		want         int
	}{
		{websocket.BinaryMessage, "\x82\xa4type\x00\xa3nsp\xa1/", "binary, as of socket.io-msgpack-parser", 1},
		{websocket.BinaryMessage, "\x82\xa4type\x00\xa3nsp\xa1/", "", 1}, // of the same address
		{websocket.TextMessage, `4{"type":0,"nsp":"/"}`, "JSON, as of socket.io-json-parser", 2},
		{websocket.TextMessage, "4hello", "unknown", 3},
		{websocket.TextMessage, "4", "", 3},
	} {
		send(test.kind, test.data)
		got := logs.FilterMessage(message).All()
		if len(got) != test.want || test.format != "" && got[len(got)-1].ContextMap()["format"] != test.format {
			t.Errorf("%q: logged %v", test.data, got)
		}
	}
	c := dialClient(t, s.url+"/0/", "4")
	c.joinNamespace("/", "")
	c.sendPacket("4{")
	if _, err := c.readNext(); err == nil || logs.Len() != 3 {
		t.Errorf("a later packet is no reason for a warning: %v", logs.All())
	}
}
