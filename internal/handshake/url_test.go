package handshake_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
)

// TestCaptureKeepsURL captures requests, and changes their URLs afterwards.
func TestCaptureKeepsURL(t *testing.T) {
	for _, text := range []string{
		"/socket.io/", "/socket.io/?EIO=4&a=%20", "/a%2Fb/?", "/?a#b", "https://user:pass@h.test:1/socket.io/?EIO=4", "//h.test", "mailto:a",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		want := *u
		r.URL = u
		q := handshake.Capture(r, r.Header, nil, "/socket.io/")
		*u = url.URL{Path: "/changed"}
		for range 2 { // a handler may change its copy
			got := q.New(context.Background()).URL
			if *got != want {
				t.Errorf("%s: got %#v, want %#v", text, *got, want)
			}
			got.Path = "/changed"
		}
	}
}
