package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// TestUnreadPongs has clients of revision 3 ping on and on, and not take the answers.
func TestUnreadPongs(t *testing.T) {
	c := config()
	c.MaxQueue = 10_000
	t.Run("polling", func(t *testing.T) {
		bubble(t, c, func(t *testing.T, w *world) {
			q := w.open("EIO=3")
			w.want("POST", q, strings.Repeat("1:2", 10_000), 200, "ok")
			w.wantEnd(engine.ReasonForced)
		})
	})
	t.Run("websocket", func(t *testing.T) {
		bubble(t, c, func(t *testing.T, w *world) {
			ws, _ := w.rawWS("EIO=3", "", "")
			go ws.Write([]byte(strings.Repeat("\x81\x81\x00\x00\x00\x002", 10_000)))
			w.wantEnd(engine.ReasonForced)
		})
	})
}

// TestMessageBehindALargeOne sends a message while one of nearly the queue's size is
// under way, which is no reason to drop a client.
func TestMessageBehindALargeOne(t *testing.T) {
	c := config()
	c.MaxQueue = 100_000
	bubble(t, c, func(t *testing.T, w *world) {
		ws := w.ws("EIO=4")
		ws.wantOpen()
		large := strings.Repeat("a", 99_000)
		for _, m := range []string{large, "behind it"} {
			if !w.last().session.Send(text(m)) {
				t.Fatal("dropped")
			}
		}
		synctest.Wait()
		ws.want("4"+large, "4behind it")
	})
}

// TestSizeBeyondIntegers has a frame announce more bytes than can be counted.
func TestSizeBeyondIntegers(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		ws := w.ws("EIO=4")
		ws.wantOpen()
		if _, err := ws.NetConn().Write([]byte("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04")); err != nil {
			t.Fatal(err)
		}
		ws.want("websocket: close 1009 (message too big)")
		w.wantEnd(engine.ReasonTransportError)
	})
}
