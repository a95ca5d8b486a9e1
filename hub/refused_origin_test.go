package hub_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestRefusedOriginIsNamedWithTheLineToAdd sends requests of pages of other sites. The
// response and the log name the line for the Caddyfile, over polling and WebSocket.
func TestRefusedOriginIsNamedWithTheLineToAdd(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	route := newRouteConfig("r", "/")
	route.Source = "Caddyfile:3"
	s := newSite(t, hub.Config{Log: zap.New(core), Routes: []hub.RouteConfig{route}})
	get := func(transport string, origins ...string) (contentType, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(s.url, "ws://", "http://", 1)+"/0/?EIO=4&transport="+transport, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Origin"] = origins
		if transport == "websocket" {
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("%v: status %d, %v", origins, response.StatusCode, err)
		}
		return response.Header.Get("Content-Type"), string(text)
	}
	const message = "Forbidden: the origin http://localhost:5173 is not accepted; to accept it, add to socketio in the Caddyfile: origins http://localhost:5173"
	if kind, body := get("polling", "http://localhost:5173"); kind != "application/json" || body != `{"code":4,"message":"`+message+`"}` {
		t.Errorf("got %s: %s", kind, body)
	}
	if _, body := get("websocket", "http://localhost:5173"); body != message {
		t.Errorf("got %s", body)
	}
	got := logs.FilterMessage("origin refused").All()
	if len(got) != 1 || got[0].ContextMap()["add"] != "origins http://localhost:5173" || got[0].ContextMap()["at"] != "Caddyfile:3" {
		t.Errorf("logged %v", got)
	}
	for _, origins := range [][]string{{`https://"><script>`}, {"https://a.example", "https://b.example"}, {"https://" + strings.Repeat("x", 1000)}, {`a:\`}, {"https://é.example"}} {
		for _, transport := range []string{"polling", "websocket"} {
			_, body := get(transport, origins...)
			if transport == "polling" {
				var refusal struct{ Message string }
				if err := json.Unmarshal([]byte(body), &refusal); err != nil {
					t.Fatalf("%q: %s: %v", origins, body, err)
				}
				body = refusal.Message
			}
			if body != "Forbidden: the origin of the page is not accepted" {
				t.Errorf("%q: got %s", origins, body)
			}
		}
	}
}
