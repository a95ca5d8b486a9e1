package hub_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// get makes an HTTP request with a header and returns the status.
func get(t *testing.T, url, name, value string) int {
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
func TestOriginWarnings(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	c := hub.Config{Log: zap.New(core), Routes: []hub.RouteConfig{route("r", "/a"), route("s", "/b")}}
	s := newSite(t, c)
	url := strings.Replace(s.url, "ws://", "http://", 1)
	refused := func(route int, origin string) {
		t.Helper()
		if status := get(t, fmt.Sprintf("%s/%d/?EIO=4&transport=polling", url, route), "Origin", origin); status != http.StatusForbidden {
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
	s.reload(c)
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
