package engine_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// TestKeptHeader drops fields about the client's connection. They would be sent to
// backends, and a name such as ":protocol", which HTTP/2 has there, cannot be sent.
func TestKeptHeader(t *testing.T) {
	from := http.Header{"X-Two": {"1", "2"}}
	for name, value := range map[string]string{
		":protocol": "websocket", "Connection": "Upgrade, x-hop", "Upgrade": "websocket", "X-Hop": "1",
		"Sec-Websocket-Key": "k", "Te": "trailers", "Cookie": "a=b",
	} {
		from[name] = []string{value}
	}
	header := engine.KeptHeader(from)
	if got := slices.Sorted(maps.Keys(header)); !slices.Equal(got, []string{"Cookie", "X-Two"}) {
		t.Errorf("kept %v", got)
	}
	from["X-Two"][0] = "changed"
	if got := header["X-Two"]; !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("got %v", got)
	}
}
