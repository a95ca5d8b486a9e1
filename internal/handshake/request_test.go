package handshake_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddyserver/caddy/v2"
)

// Over HTTP/2 and HTTP/3 a WebSocket is opened by CONNECT, at a URI of the client.
func TestForBackend(t *testing.T) {
	for _, uri := range []string{"https://evil.test/socket.io/../admin?a=b", "https://h/socket.io/%2e%2e/admin", "https://u:p@h//socket.io/?#f"} {
		for major, proto := range map[int]string{1: "HTTP/1.0", 2: "HTTP/2.0", 3: "websocket"} {
			r := httptest.NewRequest(http.MethodConnect, "/", nil)
			r.Proto, r.ProtoMajor, r.RequestURI = proto, major, uri
			var err error
			if r.URL, err = url.Parse(uri); err != nil {
				t.Fatal(err)
			}
			q := handshake.Capture(r, r.Header, nil, "/socket.io/")
			asked := q.ForBackend(t.Context())
			if asked.Method != http.MethodPost || asked.URL.String() != "/socket.io/" || asked.RequestURI != "/socket.io/" || asked.Proto != "HTTP/1.1" || asked.ProtoMajor != 1 {
				t.Errorf("%s over %s: asked %s %s over %s", uri, proto, asked.Method, asked.URL, asked.Proto)
			}
			repl := caddy.NewReplacer()
			q.PrepareForBackend(asked, repl, nil, nil, func(string) bool { return false })
			for name, want := range map[string]string{
				"http.request.uri": "/socket.io/", "http.request.uri.path": "/socket.io/", "http.request.uri.query": "",
				"http.request.orig_uri": "/socket.io/", "http.request.orig_uri.path": "/socket.io/", "http.request.orig_method": "POST",
			} {
				if got, _ := repl.GetString(name); got != want {
					t.Errorf("%s over %s: %s is %q, want %q", uri, proto, name, got, want)
				}
			}
		}
	}
}
