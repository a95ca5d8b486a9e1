package socketio

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// TestByteRateFitsHeartbeat has byte rates by which the largest message takes about half of the
// shorter one of ping_interval and ping_timeout.
func TestByteRateFitsHeartbeat(t *testing.T) {
	for _, c := range []struct {
		bytes, maxPayload int64
		interval, timeout time.Duration
		want              string
	}{
		{100_000, 0, 0, 0, ""},
		{99_999, 0, 0, 0, "expected 100000 or more"},
		{9_900, 99_000, 0, 0, ""},
		{100_000, 100_000, 2 * time.Second, 2 * time.Second, ""},
		{99_999, 100_000, 2 * time.Second, 20 * time.Second, "expected 100000 or more"},
		{200_000, 0, 60 * time.Second, 10 * time.Second, ""},
		{0, 0, 0, time.Nanosecond, ""},
	} {
		h := &Handler{
			MaxPayload: c.maxPayload, PingInterval: caddy.Duration(c.interval), PingTimeout: caddy.Duration(c.timeout),
			RateLimit: &RateLimit{Events: 1, Bytes: c.bytes},
		}
		err := h.checkBytes()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}
