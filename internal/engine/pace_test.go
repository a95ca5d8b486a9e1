package engine_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// drip writes text in parts of size bytes, with a pause before each, until writing fails.
func drip(conn net.Conn, text string, size int, pause time.Duration) {
	for len(text) > 0 {
		time.Sleep(pause)
		n := min(size, len(text))
		if _, err := io.WriteString(conn, text[:n]); err != nil {
			return
		}
		text = text[n:]
	}
}

// TestSlowMessage sends a message in parts. One that arrives at less than 1 KiB a second is
// refused some 30 s after it began, whether in one frame or in fragments.
func TestSlowMessage(t *testing.T) {
	long := "4" + strings.Repeat("x", 300_000)
	fragments := clientFrame(0x01, "4") + strings.Repeat(clientFrame(0, "x"), 1_000) + clientFrame(0x80, "")
	for _, c := range []struct {
		name, frames string
		size         int
		refusedAfter time.Duration // 0 if it is not
	}{
		{"single bytes", clientFrame(0x81, long), 1, 40 * time.Second},
		{"fragments", fragments, len(clientFrame(0, "x")), 30 * time.Second},
		{"too slow on average", clientFrame(0x81, long), 900, 4*time.Minute + 5*time.Second},
		{"slow", clientFrame(0x81, long), 1100, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
				nc, br := w.dialRaw("EIO=4", "", "")
				defer nc.Close()
				began := time.Now()
				go func() {
					const head = 2
					_, _ = io.WriteString(nc, c.frames[:head])
					drip(nc, c.frames[head:], c.size, time.Second)
				}()
				got := newFrameClient(t, nc, br).readNoPings()
				took := time.Since(began).Truncate(time.Second)
				if c.refusedAfter == 0 {
					if got != long {
						t.Errorf("got %.100q", got)
					}
					return
				}
				if got != "websocket: close 1008 (policy violation)" || took < c.refusedAfter || took > c.refusedAfter+10*time.Second {
					t.Errorf("got %.100q after %v", got, took)
				}
				w.wantCloseReason("transport error")
				if n := w.server.Stats().SlowMessages; n != 1 {
					t.Errorf("%d slow messages are counted", n)
				}
			})
		})
	}
}

// readNoPings returns the next message that is neither the open packet nor a ping.
func (c *client) readNoPings() string {
	for {
		if m := c.readMessage(); m != "2" && !strings.HasPrefix(m, "0") {
			return m
		}
	}
}

// TestLongPauseInMessage pauses twice within a message, as a process does that is
// suspended. A pause counts as 10 s at most.
func TestLongPauseInMessage(t *testing.T) {
	config := testConfig()
	config.PingInterval = time.Hour
	runInBubble(t, config, func(t *testing.T, w *testServer) {
		nc, br := w.dialRaw("EIO=4", "", "")
		defer nc.Close()
		text := "4" + strings.Repeat("x", 3_000)
		go drip(nc, clientFrame(0x81, text), 1_000, 10*time.Minute)
		if got := newFrameClient(t, nc, br).readNoPings(); got != text {
			t.Errorf("got %.100q", got)
		}
	})
}

// TestSlowBody sends the body of a POST in parts, as TestSlowMessage does with messages.
func TestSlowBody(t *testing.T) {
	for _, c := range []struct {
		name         string
		size, status int
	}{
		{"single bytes", 1, http.StatusRequestTimeout},
		{"slow", 1100, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := testConfig()
			config.PingInterval = time.Hour
			runInBubble(t, config, func(t *testing.T, w *testServer) {
				q := w.openPolling("EIO=4")
				polled := w.startPoll(q)
				if status := w.dripBody(q, "4"+strings.Repeat("x", 100_000), c.size); status != c.status {
					t.Errorf("status %d", status)
				}
				if c.status == http.StatusOK {
					if got := <-polled; len(got) != 100_001 {
						t.Errorf("got %.100q", got)
					}
					return
				}
				<-polled
				w.wantCloseReason("transport error")
			})
		})
	}
}

// dripBody posts a body in parts, one a second, and returns the status of the response.
func (w *testServer) dripBody(query, body string, size int) int {
	w.t.Helper()
	nc, err := w.dial(w.t.Context(), "", "")
	if err != nil {
		w.t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "POST /socket.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", query, len(body))
	go drip(nc, body, size, time.Second)
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
