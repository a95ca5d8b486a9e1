package socketio

import (
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A request that waits for an app which never starts, because another one does not,
// ends with its server: Caddy waits for it.
func TestRequestOfConfigThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Handler{Path: "/socket.io/", app: &App{started: make(chan struct{})}, retired: make(chan struct{})}
		h.retire = sync.OnceFunc(func() { close(h.retired) })
		served := make(chan error)
		go func() {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/socket.io/?EIO=4&transport=polling", nil)
			served <- h.ServeHTTP(httptest.NewRecorder(), r, nil)
		}()
		synctest.Wait()
		h.stop()
		if e, ok := (<-served).(caddyhttp.HandlerError); !ok || e.StatusCode != 503 {
			t.Error(e)
		}
	})
}
