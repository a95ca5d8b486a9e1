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

// TestNothingIsLeft ends sessions in all the ways and at all the points that there
// are. The bubble fails when a goroutine is left.
func TestNothingIsLeft(t *testing.T) {
	aborts := map[string]func(w *world){
		"poll handshake only": func(w *world) { w.open("EIO=4") },
		"aborted poll": func(w *world) {
			q := w.open("EIO=3")
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			r, _ := http.NewRequestWithContext(ctx, "GET", "http://x/socket.io/?"+q, nil)
			w.http.Do(r)
		},
		"aborted upload": func(w *world) {
			q := w.open("EIO=4")
			nc, err := w.dial(context.Background(), "tcp", "x")
			if err != nil {
				w.t.Fatal(err)
			}
			io.WriteString(nc, "POST /socket.io/?"+q+" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4hal")
			nc.Close()
		},
		"half a frame": func(w *world) {
			nc, _ := w.rawWS("EIO=4", "\x81\xfe\x10\x00", "")
			nc.Close()
		},
		"never reads": func(w *world) {
			w.ws("EIO=4")
			for w.last().session.Send(text(strings.Repeat("a", 100_000))) {
			}
		},
		"dies while probing": func(w *world) {
			w.open("EIO=4")
			c := w.ws("EIO=4&sid=" + w.last().session.ID())
			c.send("2probe")
			c.Close()
		},
		"dies after the upgrade": func(w *world) {
			w.open("EIO=4")
			w.upgrade("EIO=4").Close()
		},
		"closed and silent": func(w *world) {
			w.ws("EIO=4")
			w.last().session.Close("x")
		},
	}
	for name, abort := range aborts {
		t.Run(name, func(t *testing.T) {
			bubble(t, config(), func(t *testing.T, w *world) {
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

// TestIdleWebSocketsHaveOneGoroutine counts over real sockets, where the pumps write.
func TestIdleWebSocketsHaveOneGoroutine(t *testing.T) {
	w := newWorld(t, config(), engineOptions())
	serveTCP(t, w)
	c := w.ws("EIO=4")
	c.wantOpen()
	before := runtime.NumGoroutine()
	const count = 50
	for range count {
		c := w.ws("EIO=4")
		c.wantOpen()
		c.send("4a")
		c.want("4a")
	}
	settle(func() bool { return runtime.NumGoroutine() <= before+count })
	if n := runtime.NumGoroutine() - before; n > count {
		t.Errorf("%d goroutines for %d sockets", n, count)
	}
}

// settle lets goroutines that are about to end do so.
func settle(done func() bool) {
	for deadline := time.Now().Add(5 * time.Second); !done() && time.Now().Before(deadline); {
		runtime.Gosched()
	}
}
