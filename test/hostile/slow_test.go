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

// floodRoom makes a member send events of size bytes to the room. After each batch it waits for
// the observer and for next, which gets the number of events sent.
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

// TestSlowReaders floods a room with members that do not read. The server closes their
// connections, and all other members receive each event.
func TestSlowReaders(t *testing.T) {
	observer := sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 200<<20)
	before := sharedProcess.readMetric(t, "caddy_socketio_slow_clients_total", "")
	const slow, events, size = 30, 1_000, 10_000
	for range slow {
		w := sharedProcess.openMember(t, "/socket.io/")
		_ = w.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	}
	reader := sharedProcess.openMember(t, "/socket.io/")
	came := 0
	observer.floodRoom(events, size, func(sent int) {
		for ; came < sent; came++ {
			reader.wantLike(fmt.Sprintf(`42["flood",%d,`, came))
		}
	})
	sharedProcess.awaitMetric(t, "caddy_socketio_slow_clients_total", "", func(n float64) bool { return n >= before+slow })
}

// TestPollersThatStop floods a room with members that stop polling. Their sessions close.
func TestPollersThatStop(t *testing.T) {
	observer := sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 200<<20)
	var stopped []*pollingClient
	for range 20 {
		stopped = append(stopped, sharedProcess.pollingMember(t, "/socket.io/"))
	}
	observer.floodRoom(300, 10_000, func(int) {})
	for _, c := range stopped {
		if a := c.getPayload(); a.body != unknownSession {
			t.Errorf("poll: %d, %d bytes", a.status, len(a.body))
		}
	}
}

// TestOneLargeMessage sends the largest message to a room between ticks. No member that reads
// counts as a slow client.
func TestOneLargeMessage(t *testing.T) {
	observer := sharedProcess.startObserver(t)
	readers := make([]*wireConn, 10)
	for i := range readers {
		readers[i] = sharedProcess.openMember(t, "/socket.io/")
	}
	observer.floodRoom(1, 999_900, func(int) {})
	for _, w := range readers {
		w.wantLike(`42["flood",0,`)
		w.wantAlive()
	}
}

// TestSilence covers clients that fall silent at each point where the server waits for them.
// Each connection closes after its timeout.
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
	}
	for name, open := range silent {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, err := open(t).readSilently(); status != noStatus {
				t.Errorf("closed with %d, %v", status, err)
			}
		})
	}
	t.Run("a message byte by byte", func(t *testing.T) {
		t.Parallel()
		w := sharedProcess.openMember(t, "/brief/")
		w.writeSlowly(t)
		if status, err := w.readSilently(); status != policy {
			t.Errorf("closed with %d, %v", status, err)
		}
	})
	t.Run("nothing joined", func(t *testing.T) {
		t.Parallel()
		sharedProcess.openSession(t, "/brief/").wantClosed(noStatus) // pings get pongs, so this is the connect timeout
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
	t.Run("a body byte by byte", func(t *testing.T) {
		t.Parallel()
		c := sharedProcess.pollingMember(t, "/brief/")
		body := c.byHand("POST", "Content-Length: 500000\r\n")
		writeBytesSlowly(t, body)
		checkSessionIsGone(t, c)
	})
}

// readSilently reads until the connection closes and sends nothing. It returns the status of
// the close frame.
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

// writeSlowly sends a message one byte at a time. Bytes of an unfinished message must not keep
// a connection open forever.
func (w *wireConn) writeSlowly(t *testing.T) {
	w.writeRaw(buildFrameHead(fin|opText, 0x80, 500_000))
	writeBytesSlowly(t, w)
}

// writeBytesSlowly writes one byte at a time until the test ends.
func writeBytesSlowly(t *testing.T, w io.Writer) {
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

// TestUnjoinedFlood opens 10,000 sessions that connect to no namespace. One address may have
// 5,000 of them.
func TestUnjoinedFlood(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 300<<20)
	before := sharedProcess.readMetric(t, "caddy_socketio_connections", "")
	repeatParallel(t, 10_000, func(ctx context.Context) error {
		a, err := sharedProcess.sendRequest(ctx, "GET", "/brief/?EIO=4&transport=polling", nil)
		if err == nil && a.status != 200 && a.status != 429 {
			err = fmt.Errorf("handshake: %d", a.status)
		}
		return err
	})
	sharedProcess.awaitMetricAtMost(t, "caddy_socketio_connections", "", before+2) // before may not count the observer
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
	for a := full; a.status != 200; { // the closed connection frees its place soon
		if a = sharedProcess.mustSendRequest(t, "GET", "/capped/?EIO=4&transport=polling", ""); a.status != 200 && a.status != 503 {
			t.Fatalf("got %d", a.status)
		}
	}
}

// repeatParallel calls do a number of times, at most 50 at a time, and reports the first error.
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
