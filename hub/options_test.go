package hub_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

func TestOptionsRouteServesWithoutConfig(t *testing.T) {
	route := hub.DefaultRoute()
	route.Recovery = time.Minute
	route.Engine.MaxPayload = 1000
	h := hub.New(hub.Options{Route: &route})
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		h.Close()
		s.Close()
	})
	for _, when := range []string{"before a config", "after a config"} {
		c := dialClient(t, "ws"+strings.TrimPrefix(s.URL, "http")+"/socket.io/", "4")
		c.sendPacket("40")
		if answer := c.readPacket(); !strings.Contains(answer, `"pid"`) {
			t.Errorf("%s: got %s, want a pid", when, answer)
		}
		c.sendPacket("42[" + strings.Repeat(" ", 1000) + `"large"]`)
		c.wantClosed()
		h.Configure(hub.Config{})
	}
}
