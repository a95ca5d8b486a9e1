package hub_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// Polls are held while a config replaces another one, also if it fails. Otherwise the client
// would send the next poll while listeners close.
func TestReloadHoldsPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		defer h.Close()
		config := hub.Config{Routes: []hub.RouteConfig{newRouteConfig("a")}}
		first := h.Configure(config)
		serve := func(method, query, body string) string {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(method, "/socket.io/?EIO=4&transport=polling"+query, strings.NewReader(body))
			h.Serve(first.Routes()[0], &engine.Request{W: w, R: r})
			return w.Body.String()
		}
		sid := "&sid=" + strings.Split(serve("GET", "", ""), `"`)[3]
		serve("POST", sid, "40")
		synctest.Wait()
		serve("GET", sid, "")

		for _, failing := range []bool{true, false} {
			answer := make(chan string, 1)
			go func() { answer <- serve("GET", sid, "") }()
			synctest.Wait()
			next := h.Configure(config)
			next.AwaitPolls(time.Now().Add(time.Hour))
			if _, err := h.Of("/").Emit("news"); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if failing {
				next.Release()
			} else {
				first.Release()
			}
			synctest.Wait()
			select {
			case got := <-answer:
				t.Errorf("answered at once with %q", got)
			default:
			}
			if got := <-answer; got != `42["news"]` {
				t.Errorf("answered with %q", got)
			}
		}
	})
}
