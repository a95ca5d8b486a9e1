package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// floodRoom has a member send so many events of so many bytes to the room: as fast as the
// witness takes them, and whoever next waits for.
func (w *roomObserver) floodRoom(events, size int, next func(sent int)) {
	w.t.Helper()
	const batch = 20
	c := sharedProcess.openMember(w.t, "/socket.io/")
	long := strings.Repeat("x", size)
	for i := range events {
		c.writeTexts(fmt.Sprintf(`42["flood",%d,"%s"]`, i, long))
		if i%batch == batch-1 || i == events-1 {
			c.wantAlive()
			w.checkNextTick()
			next(i + 1)
		}
	}
}

// TestSlowReaders has members of a room that do not read, while it is flooded. They
// are dropped, and nobody else misses anything.
func TestSlowReaders(t *testing.T) {
	witness := sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 200<<20)
	before := sharedProcess.readMetric(t, "caddy_socketio_slow_clients_total", "")
	const slow, events, size = 30, 1_000, 10_000
	for range slow {
		w := sharedProcess.openMember(t, "/socket.io/")
		_ = w.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	}
	reader := sharedProcess.openMember(t, "/socket.io/")
	came := 0
	witness.floodRoom(events, size, func(sent int) {
		for ; came < sent; came++ {
			reader.wantLike(fmt.Sprintf(`42["flood",%d,`, came))
		}
	})
	sharedProcess.awaitMetric(t, "caddy_socketio_slow_clients_total", "", func(n float64) bool { return n >= before+slow })
}

// TestPollersThatStop has members of a room that never poll again.
func TestPollersThatStop(t *testing.T) {
	witness := sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 200<<20)
	var stopped []*pollingClient
	for range 20 {
		stopped = append(stopped, sharedProcess.pollingMember(t, "/socket.io/"))
	}
	witness.floodRoom(300, 10_000, func(int) {})
	for _, c := range stopped {
		if a := c.getPayload(); a.body != unknownSession {
			t.Errorf("poll: %d, %d bytes", a.status, len(a.body))
		}
	}
}

// TestOneLargeMessage has a room get the largest message while ticks come: nobody who
// reads is taken for slow.
func TestOneLargeMessage(t *testing.T) {
	witness := sharedProcess.startObserver(t)
	readers := make([]*wireConn, 10)
	for i := range readers {
		readers[i] = sharedProcess.openMember(t, "/socket.io/")
	}
	witness.floodRoom(1, 999_900, func(int) {})
	for _, w := range readers {
		w.wantLike(`42["flood",0,`)
		w.wantAlive()
	}
}

// TestSilence has clients that say nothing at each point from which they should. All
// are given up when their time is over.
func TestSilence(t *testing.T) {
	sharedProcess.startObserver(t)
	silent := map[string]func(t *testing.T) *wireConn{
		"no pong": func(t *testing.T) *wireConn { return sharedProcess.openMember(t, "/brief/") },
		"no ping": func(t *testing.T) *wireConn {
			return sharedProcess.openWebSocket(t, "/brief/?EIO=3&transport=websocket")
		},
		"a probe": func(t *testing.T) *wireConn {
			c := sharedProcess.openPoller(t, "/brief/", "EIO=4")
			w := sharedProcess.openWebSocket(t, "/brief/?EIO=4&transport=websocket&sid="+c.sid)
			w.writeTexts("2probe")
			w.wantMessages("3probe")
			return w
		},
		"half a message": func(t *testing.T) *wireConn {
			w := sharedProcess.openMember(t, "/brief/")
			w.writeRaw(maskFrame(opText, []byte(`42["x`)))
			return w
		},
		"drops of a message": func(t *testing.T) *wireConn {
			w := sharedProcess.openMember(t, "/brief/")
			w.writeSlowly(t)
			return w
		},
	}
	for name, open := range silent {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, err := open(t).readSilently(); status != noStatus {
				t.Errorf("closed with %d, %v", status, err)
			}
		})
	}
	t.Run("nothing joined", func(t *testing.T) {
		t.Parallel()
		sharedProcess.openSession(t, "/brief/").wantClosed(noStatus) // it answers pings, so this is the connect timeout
	})
	t.Run("no second poll", func(t *testing.T) {
		t.Parallel()
		checkSessionIsGone(t, sharedProcess.pollingMember(t, "/brief/"))
	})
	t.Run("no poll", func(t *testing.T) {
		t.Parallel()
		checkSessionIsGone(t, sharedProcess.openPoller(t, "/brief/", "EIO=4"))
	})
	t.Run("half a body", func(t *testing.T) {
		t.Parallel()
		c := sharedProcess.pollingMember(t, "/brief/")
		half := c.byHand("POST", "Content-Length: 1000\r\n")
		_, _ = io.WriteString(half, "4")
		checkSessionIsGone(t, c)
	})
}

// readSilently reads until the end, and answers nothing.
func (w *wireConn) readSilently() (int, error) {
	w.resetDeadline()
	for {
		_, _, err := w.readFrame()
		if e, ok := errors.AsType[errClosed](err); ok {
			return e.status, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// writeSlowly sends a message a byte at a time: bytes prove that a client lives, but not
// for ever.
func (w *wireConn) writeSlowly(t *testing.T) {
	w.writeRaw(buildFrameHead(fin|opText, 0x80, 500_000))
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	go func() {
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			select {
			case <-pace.C:
			case <-ended:
				return
			}
		}
	}()
}

// TestUnjoinedFlood opens 10,000 sessions that join nothing.
func TestUnjoinedFlood(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 300<<20)
	before := sharedProcess.readMetric(t, "caddy_socketio_connections", "")
	repeatParallel(t, 10_000, func(ctx context.Context) error {
		a, err := sharedProcess.sendRequest(ctx, "GET", "/brief/?EIO=4&transport=polling", nil)
		if err == nil && a.status != 200 {
			err = fmt.Errorf("handshake: %d", a.status)
		}
		return err
	})
	sharedProcess.awaitMetricAtMost(t, "caddy_socketio_connections", "", before+2) // the witness is not in before
}

// TestCap opens more connections than a route may have.
func TestCap(t *testing.T) {
	sharedProcess.startObserver(t)
	const limit = 20
	var first *wireConn
	for range limit {
		w := sharedProcess.openMember(t, "/capped/")
		first = w
	}
	full := sharedProcess.mustSendRequest(t, "GET", "/capped/?EIO=4&transport=polling", "")
	if full.status != 503 || full.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s, Retry-After %q", full.status, full.body, full.header.Get("Retry-After"))
	}
	if a := sharedProcess.tryUpgrade(t, "/capped/?EIO=4&transport=websocket", ""); a.status != 503 {
		t.Errorf("upgrade: got %d", a.status)
	}
	first.writeRaw(buildCloseFrame(goingWell, ""))
	first.wantClosed(goingWell)
	for a := full; a.status != 200; { // there is room again, soon
		if a = sharedProcess.mustSendRequest(t, "GET", "/capped/?EIO=4&transport=polling", ""); a.status != 200 && a.status != 503 {
			t.Fatalf("got %d", a.status)
		}
	}
}

// repeatParallel does something so many times, a few at a time.
func repeatParallel(t *testing.T, times int, do func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*maxWait)
	defer cancel()
	work := make(chan struct{})
	var workers sync.WaitGroup
	var once sync.Once
	for range 50 {
		workers.Go(func() {
			for range work {
				if err := do(ctx); err != nil {
					once.Do(func() { t.Error(err) })
				}
			}
		})
	}
	for range times {
		work <- struct{}{}
	}
	close(work)
	workers.Wait()
}
