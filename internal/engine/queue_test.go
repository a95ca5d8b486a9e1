package engine_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

func noOptions() engine.Options { return engine.Options{} }

func TestSlowClientIsClosed(t *testing.T) {
	for _, open := range []func(*testServer){
		func(w *testServer) { w.openPolling("EIO=4") },
		func(w *testServer) { w.dialWebSocket("EIO=4").wantOpenPacket() },
	} {
		c := testConfig()
		c.MaxQueue = 10_000
		runInBubble(t, c, func(t *testing.T, w *testServer) {
			open(w)
			s := w.lastReceiver().session
			sent := 0
			for s.Send(newText(strings.Repeat("a", 1000))) {
				if sent++; sent > 20 {
					t.Fatal("no end")
				}
			}
			w.wantCloseReason("forced close")
			if n := w.server.Stats().SlowClients; n != 1 {
				t.Errorf("%d overflowed", n)
			}
		})
	}
}

func TestSingleMessageLargerThanTheQueue(t *testing.T) {
	c := testConfig()
	c.MaxQueue = 10_000
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		ws := w.dialWebSocket("EIO=4")
		ws.wantOpenPacket()
		synctest.Wait()
		large := strings.Repeat("a", 300_000)
		if !w.lastReceiver().session.Send(newText(large)) {
			t.Fatal("not sent")
		}
		ws.wantMessages("4" + large)
	})
}

func TestVolatileNeedsReadyClient(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		s := w.lastReceiver().session
		if s.SendVolatile(newText("nobody polls")) {
			t.Error("sent to nobody")
		}
		parked := w.startPoll(q)
		if !s.SendVolatile(newText("a")) || s.SendVolatile(newText("b")) {
			t.Error("one of them is to be sent")
		}
		wantReply(t, parked, "4a")
		c := w.upgradeLast("EIO=4")
		synctest.Wait()
		sent := 0
		for s.SendVolatile(newText(strings.Repeat("a", 1000))) {
			sent++
		}
		if sent < 16 || sent > 18 {
			t.Errorf("sent %d", sent)
		}
		for range sent {
			c.wantMessages("4" + strings.Repeat("a", 1000))
		}
		synctest.Wait()
		if !s.SendVolatile(newText("again")) {
			t.Error("not ready again")
		}
		c.wantMessages("4again")
		w.wantCloseReason("")
		if n := w.server.Stats().VolatileDropped; n != 3 {
			t.Errorf("%d dropped", n)
		}
	})
}

// TestSlowClientDelaysNoOther sends to clients over TCP, one of which reads only after all
// is sent. It gets everything in order, and no other client waits for it.
func TestSlowClientDelaysNoOther(t *testing.T) {
	c := testConfig()
	c.MaxQueue = 64 << 20
	c.PingInterval = time.Hour // the slow client reads no ping, however long a loaded machine takes
	w := newTestServer(t, c, noOptions())
	serveTCP(t, w)
	slow := w.dialWebSocket("EIO=4")
	slow.wantOpenPacket()
	sessions := []*engine.Session{w.lastReceiver().session}
	var fast []*client
	for range 20 {
		f := w.dialWebSocket("EIO=3")
		f.wantOpenPacket()
		fast = append(fast, f)
		sessions = append(sessions, w.lastReceiver().session)
	}
	const count, size = 500, 20_000
	message := func(i int) string { return strconv.Itoa(i) + strings.Repeat("x", size) }
	var readers sync.WaitGroup
	check := func(c *client) {
		for i := range count {
			if got := c.readMessage(); got != "4"+message(i) {
				t.Errorf("message %d is %.20q", i, got)
				return
			}
			if got := c.readMessage(); !strings.HasPrefix(got, "binary:") {
				t.Errorf("attachment %d is %.20q", i, got)
				return
			}
		}
	}
	for _, f := range fast {
		readers.Go(func() { check(f) })
	}
	for i := range count {
		m := eio.NewMessage([]byte(message(i)), [][]byte{{1, 2, 3}}, false)
		for _, s := range sessions {
			if !s.Send(m) {
				t.Fatalf("message %d was not sent: %s", i, w.lastReceiver().closeReason())
			}
		}
	}
	readers.Wait()
	readers.Go(func() { check(slow) })
	readers.Wait()
}

func TestDrainSpreadsCloses(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		var clients []*client
		for range 120 {
			c := w.dialWebSocket("EIO=4")
			c.wantOpenPacket()
			clients = append(clients, c)
		}
		q := w.openPolling("EIO=4")
		parked := w.startPoll(q)
		ends := make(chan time.Time, len(clients))
		for _, c := range clients {
			go func() {
				c.wantMessages(closedWithoutStatus)
				ends <- time.Now()
			}()
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		w.server.Drain(ctx, "shutdown")
		wantReply(t, parked, "1")
		if d := time.Since(began); d > 9*time.Second || d == 0 {
			t.Errorf("took %v", d)
		}
		first, last := <-ends, time.Time{}
		for range len(clients) - 1 {
			last = <-ends
		}
		if !last.After(first) {
			t.Error("all at once")
		}
		if status, _, _ := w.request("GET", "EIO=4&transport=polling", ""); status != 503 {
			t.Errorf("got %d while draining", status)
		}
		w.wantCloseReason("shutdown")
	})
}

// TestDrainEndsWithClients drains over an hour. The clients leave by themselves.
func TestDrainEndsWithClients(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		for range 3 {
			c := w.dialWebSocket("EIO=4")
			c.wantOpenPacket()
			time.AfterFunc(time.Second, func() { c.Close() })
		}
		began := time.Now()
		engine.CloseSteadily(t.Context(), w.server.ListSessions(), time.Hour, "shutdown")
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func TestDrainEndsWithContext(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		c := w.dialWebSocket("EIO=4") // it never reads
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		w.server.Drain(ctx, "shutdown")
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func TestRouteCloseClosesItsSessions(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		other := engine.NewRoute(testConfig())
		other.Close("not this", "")
		if w.route.Sessions() != 1 || other.Sessions() != 0 {
			t.Error("counted wrong")
		}
		w.route.Close("gone", "")
		c.wantMessages(closedWithoutStatus)
		w.wantCloseReason("gone")
		if n := w.server.Sessions(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}
