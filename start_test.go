package socketio

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/caddyserver/caddy/v2"
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

// Of two rules for connect only one would be done, and the other may be the one that
// says who is let in.
func TestConnectTwice(t *testing.T) {
	const namespace = "namespace /chat {\njoin lobby\non connect {\nrequire `false`\n}\n}"
	_, err := adapt("localhost {\nsocketio {\n" + namespace + "\n}\n}\n")
	if err == nil || !strings.Contains(err.Error(), "Caddyfile:7") || !strings.Contains(err.Error(), "connect") {
		t.Errorf("Caddyfile: %v", err)
	}
	err = caddy.Validate(&caddy.Config{AppsRaw: caddy.ModuleMap{"http": []byte(
		`{"servers":{"one":{"listen":["127.0.0.1:0"],"routes":[{"handle":[{"handler":"socketio","namespaces":[{"name":"/chat",
		"on":[{"events":["connect"]},{"events":["shout","connect"]}]}]}]}]}}}`)}})
	if err == nil || !strings.Contains(err.Error(), "connect is in two rules") {
		t.Errorf("JSON: %v", err)
	}
}
