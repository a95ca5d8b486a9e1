package socketio

import (
	"crypto/tls"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A request that waits for an app which never starts, because another one does not,
// ends with its server: Caddy waits for it.
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
		h.handleShutdown()
		if e, ok := (<-served).(caddyhttp.HandlerError); !ok || e.StatusCode != 503 {
			t.Error(e)
		}
	})
}

// What comes before the TLS handshake is complete may be a copy, and does nothing.
func TestEarlyDataIsRefused(t *testing.T) {
	h := &Handler{Path: "/socket.io/"}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/socket.io/?EIO=4&transport=polling&sid=x", nil)
	r.TLS = &tls.ConnectionState{HandshakeComplete: false}
	if e, ok := h.ServeHTTP(httptest.NewRecorder(), r, nil).(caddyhttp.HandlerError); !ok || e.StatusCode != 425 {
		t.Error(e)
	}
}
