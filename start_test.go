package socketio

import (
	"crypto/tls"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// TestRequestOfFailedConfigEnds proves that the shutdown of the server ends a request that
// waits for the app to start. The app never starts if another app fails, and Caddy waits for
// the request.
func TestRequestOfFailedConfigEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Handler{Path: "/socket.io/", app: &App{started: make(chan struct{})}, retired: make(chan struct{})}
		h.retire = sync.OnceFunc(func() { close(h.retired) })
		served := make(chan error)
		go func() {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/socket.io/?EIO=4&transport=polling", nil)
			served <- h.ServeHTTP(httptest.NewRecorder(), r, nil)
		}()
		synctest.Wait()
		h.retire()
		if e, ok := (<-served).(caddyhttp.HandlerError); !ok || e.StatusCode != 503 {
			t.Error(e)
		}
	})
}

// TestEarlyDataIsRefused proves that data sent before the end of the TLS handshake does
// nothing: an attacker may have replayed it.
func TestEarlyDataIsRefused(t *testing.T) {
	h := &Handler{Path: "/socket.io/"}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/socket.io/?EIO=4&transport=polling&sid=x", nil)
	r.TLS = &tls.ConnectionState{HandshakeComplete: false}
	if e, ok := h.ServeHTTP(httptest.NewRecorder(), r, nil).(caddyhttp.HandlerError); !ok || e.StatusCode != 425 {
		t.Error(e)
	}
}
