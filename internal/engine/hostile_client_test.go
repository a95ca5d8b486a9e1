package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// TestUnreadPongsCloseSession has clients of revision 3 that ping on and on, and never
// read the pongs.
func TestUnreadPongsCloseSession(t *testing.T) {
	c := testConfig()
	c.MaxQueue = 10_000
	t.Run("polling", func(t *testing.T) {
		runInBubble(t, c, func(t *testing.T, w *testServer) {
			q := w.openPolling("EIO=3")
			w.wantResponse("POST", q, strings.Repeat("1:2", 10_000), 200, "ok")
			w.wantCloseReason(engine.ReasonForced)
		})
	})
	t.Run("websocket", func(t *testing.T) {
		runInBubble(t, c, func(t *testing.T, w *testServer) {
			ws, _ := w.dialRaw("EIO=3", "", "")
			go ws.Write([]byte(strings.Repeat("\x81\x81\x00\x00\x00\x002", 10_000)))
			w.wantCloseReason(engine.ReasonForced)
		})
	})
}

// TestMessageAfterLargeOneIsQueued sends a message while one of nearly the queue's size is
// being written, which does not make a slow client.
func TestMessageAfterLargeOneIsQueued(t *testing.T) {
	c := testConfig()
	c.MaxQueue = 100_000
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		ws := w.dialWebSocket("EIO=4")
		ws.wantOpenPacket()
		large := strings.Repeat("a", 99_000)
		for _, m := range []string{large, "behind it"} {
			if !w.lastReceiver().session.Send(newText(m)) {
				t.Fatal("dropped")
			}
		}
		synctest.Wait()
		ws.wantMessages("4"+large, "4behind it")
	})
}

// TestFrameSizeBeyondIntegersIsTooBig has a frame whose length does not fit an integer.
func TestFrameSizeBeyondIntegersIsTooBig(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		ws := w.dialWebSocket("EIO=4")
		ws.wantOpenPacket()
		if _, err := ws.NetConn().Write([]byte("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04")); err != nil {
			t.Fatal(err)
		}
		ws.wantMessages("websocket: close 1009 (message too big)")
		w.wantCloseReason(engine.ReasonTransportError)
	})
}
