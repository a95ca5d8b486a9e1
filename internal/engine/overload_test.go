package engine_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// TestOverloadRefusesHandshakes refuses new sessions, and serves the ones that exist.
func TestOverloadRefusesHandshakes(t *testing.T) {
	reason := ""
	w := newTestServer(t, testConfig(), engine.Options{Overloaded: func(*engine.Request) string { return reason }})
	get := func(query string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequest("GET", "/socket.io/?EIO=4&transport=polling"+query, nil))
		return rec
	}
	if got := get(""); got.Code != 200 {
		t.Fatalf("handshake: %d", got.Code)
	}
	session := w.lastReceiver().session
	defer session.Close("test over")
	reason = "descriptors"
	refused := get("")
	if refused.Code != 503 || refused.Header().Get("Retry-After") == "" || refused.Header().Get("Connection") != "close" {
		t.Errorf("got %d, %v", refused.Code, refused.Header())
	}
	session.Send(newText("a"))
	if got := get("&sid=" + session.ID()); got.Code != 200 || !strings.Contains(got.Body.String(), "4a") {
		t.Errorf("poll: %d %s", got.Code, got.Body)
	}
	if stats := w.server.Stats(); stats.Overloaded["descriptors"] != 1 || stats.Refused[503] != 1 {
		t.Errorf("counted %v and %v", stats.Overloaded, stats.Refused)
	}
}
