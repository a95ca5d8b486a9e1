package engine_test

import (
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// TestSessionsCloseWhileTheyOpen closes the route, or drains the server, while sessions
// are being opened.
func TestSessionsCloseWhileTheyOpen(t *testing.T) {
	for name, end := range map[string]func(w *testServer){
		"route closes":  func(w *testServer) { w.route.Close("over", "") },
		"server drains": func(w *testServer) { w.server.Drain(w.t.Context(), "over") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 100 {
					w := newTestServer(t, testConfig(), engine.Options{})
					var group sync.WaitGroup
					for range 8 {
						group.Go(func() {
							r := httptest.NewRequest("GET", "/socket.io/?EIO=4&transport=polling", nil)
							w.ServeHTTP(httptest.NewRecorder(), r)
						})
					}
					group.Go(func() { end(w) })
					group.Wait()
					w.route.Close("over", "")
					synctest.Wait()
					for _, p := range w.receivers {
						if got := p.closeReason(); got != "over" {
							t.Fatalf("a session closed by %q, want over", got)
						}
					}
					if st := w.server.Stats(); w.route.Sessions() != 0 || st.Polling != 0 || st.Unjoined != 0 {
						t.Fatalf("%d sessions are left: %+v", w.route.Sessions(), st)
					}
				}
				time.Sleep(time.Minute) // of the bubble: sessions that wait for a last poll
			})
		})
	}
}
