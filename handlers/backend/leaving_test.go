package backend_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// TestLeavingClientsKeepTheirPlaces has an application that does not notice that clients leave.
// It must not get more requests than concurrency allows.
func TestLeavingClientsKeepTheirPlaces(t *testing.T) {
	began, release := make(chan string, 100), make(chan struct{})
	a := sitetest.NewApp(t, func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Event string }
		_ = json.NewDecoder(r.Body).Decode(&event)
		began <- event.Event
		<-release
		sitetest.Reply(http.StatusOK, `{}`)(w, r)
	})
	s := sitetest.Serve(t, "socketio {\nnamespace /app {\non connect {\nbackend "+a.Address+" {\nconcurrency 2\n}\n}\n}\n}")
	for range 2 {
		c := s.Dial()
		c.Send("40/app,")
		if got := <-began; got != "connect" {
			t.Fatalf("got a request for %s", got)
		}
		c.Close()
	}
	c := s.Dial()
	c.Send("40/app,")
	awaitMetric(t, s, eventsWaiting, 1)
	select {
	case <-began:
		t.Error("a client that left freed the place of its request")
	case <-time.After(50 * time.Millisecond): // a request would come at once
	}
	close(release)
	c.Expect(`40/app,{"sid":"*`)
}
