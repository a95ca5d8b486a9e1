package engine_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestEveryCloseReleasesAll closes sessions in each way and at each point of their life.
// The bubble fails when a goroutine is left.
func TestEveryCloseReleasesAll(t *testing.T) {
	aborts := map[string]func(w *testServer){
		"poll handshake only": func(w *testServer) { w.openPolling("EIO=4") },
		"aborted poll": func(w *testServer) {
			q := w.openPolling("EIO=3")
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			r, _ := http.NewRequestWithContext(ctx, "GET", "http://x/socket.io/?"+q, nil)
			w.http.Do(r)
		},
		"aborted upload": func(w *testServer) {
			q := w.openPolling("EIO=4")
			nc, err := w.dial(context.Background(), "tcp", "x")
			if err != nil {
				w.t.Fatal(err)
			}
			io.WriteString(nc, "POST /socket.io/?"+q+" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4hal")
			nc.Close()
		},
		"half a frame": func(w *testServer) {
			nc, _ := w.dialRaw("EIO=4", "\x81\xfe\x10\x00", "")
			nc.Close()
		},
		"never reads": func(w *testServer) {
			w.dialWebSocket("EIO=4")
			for w.lastReceiver().session.Send(newText(strings.Repeat("a", 100_000))) {
			}
		},
		"dies while probing": func(w *testServer) {
			w.openPolling("EIO=4")
			c := w.dialWebSocket("EIO=4&sid=" + w.lastReceiver().session.ID())
			c.sendText("2probe")
			c.Close()
		},
		"dies after the upgrade": func(w *testServer) {
			w.openPolling("EIO=4")
			w.upgradeLast("EIO=4").Close()
		},
		"closed and silent": func(w *testServer) {
			w.dialWebSocket("EIO=4")
			w.lastReceiver().session.Close("x")
		},
	}
	for name, abort := range aborts {
		t.Run(name, func(t *testing.T) {
			runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
				for range 20 {
					abort(w)
				}
				time.Sleep(3 * time.Minute)
				if st := w.server.Stats(); w.server.Sessions() != 0 || st.Unjoined != 0 || st.Polling != 0 || st.WebSocket != 0 {
					t.Errorf("left: %+v", st)
				}
			})
		})
	}
}

// awaitCondition lets other goroutines run until done returns true, for 5 s at most.
func awaitCondition(done func() bool) {
	for deadline := time.Now().Add(5 * time.Second); !done() && time.Now().Before(deadline); {
		runtime.Gosched()
	}
}
