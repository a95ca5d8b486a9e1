package hub_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

func TestSameOriginComparesSchemeHostAndPort(t *testing.T) {
	for _, test := range []struct {
		host   string
		secure bool
		origin string
		want   bool
	}{
		{"a.example", false, "http://a.example", true},
		{"a.example", false, "http://a.example:80", true},
		{"a.example:80", false, "http://A.example", true},
		{"a.example", true, "https://a.example", true},
		{"a.example:443", true, "https://a.example", true},
		{"[::1]:8080", false, "http://[::1]:8080", true},
		{"[::1]", false, "http://[::1]", true},
		{"a.example", false, "https://a.example", true}, // a proxy in front ends TLS

		{"a.example", false, "wss://a.example", true}, // native clients
		{"a.example", false, "ws://a.example", true},
		{"a.example", true, "wss://a.example", true},
		{"a.example", true, "ws://a.example", true}, // no page has this scheme
		{"a.example:8443", true, "wss://a.example:8443", true},
		{"a.example:443", true, "wss://a.example", true},
		{"[::1]:8080", false, "WS://[::1]:8080", true},
		{"A.example", false, "wss://a.EXAMPLE", true},
		{"a.example.", false, "https://a.example.", true},

		{"a.example", true, "http://a.example", false},
		{"a.example", false, "wss://b.example", false},
		{"a.example", false, "wss://a.example.evil.example", false},
		{"a.example", false, "wss://x@a.example", false},
		{"a.example:8080", false, "ws://a.example", false},
		{"a.example", false, "wss:a.example", false},
		{"a.example", false, "https://a.example.", false},
		{"a.example:443", true, "http://a.example", false},
		{"a.example", false, "http://a.example:8080", false},
		{"a.example:8080", false, "http://a.example", false},
		{"a.example", false, "http://a.example.evil.example", false},
		{"a.example", false, "http://x@a.example", false},
		{"a.example", false, "app://a.example", false},
		{"a.example", false, "//a.example", false},
		{"a.example", false, "a.example", false},
		{"a.example", false, "null", false},
		{"", false, "http://", false},
		{"a.example", false, "http://a.example\x7f", false},
	} {
		r := &http.Request{Host: test.host}
		if test.secure {
			r.TLS = new(tls.ConnectionState)
		}
		if got := hub.SameOrigin(test.origin, r); got != test.want {
			t.Errorf("%q at %q, secure %v: got %v", test.origin, test.host, test.secure, got)
		}
	}
}
