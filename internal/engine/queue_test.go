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

func engineOptions() engine.Options { return engine.Options{} }

func TestOverflow(t *testing.T) {
	for _, open := range []func(*world){
		func(w *world) { w.open("EIO=4") },
		func(w *world) { w.ws("EIO=4").wantOpen() },
	} {
		c := config()
		c.MaxQueue = 10_000
		bubble(t, c, func(t *testing.T, w *world) {
			open(w)
			s := w.last().session
			sent := 0
			for s.Send(text(strings.Repeat("a", 1000))) {
				if sent++; sent > 20 {
					t.Fatal("no end")
				}
			}
			w.wantEnd("forced close")
			if n := w.server.Stats().SlowClients; n != 1 {
				t.Errorf("%d overflowed", n)
			}
		})
	}
}

func TestSingleMessageLargerThanTheQueue(t *testing.T) {
	c := config()
	c.MaxQueue = 10_000
	bubble(t, c, func(t *testing.T, w *world) {
		ws := w.ws("EIO=4")
		ws.wantOpen()
		synctest.Wait()
		large := strings.Repeat("a", 300_000)
		if !w.last().session.Send(text(large)) {
			t.Fatal("not sent")
		}
		ws.want("4" + large)
	})
}

func TestVolatile(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		s := w.last().session
		if s.SendVolatile(text("nobody polls")) {
			t.Error("sent to nobody")
		}
		parked := w.poll(q)
		if !s.SendVolatile(text("a")) || s.SendVolatile(text("b")) {
			t.Error("one of them is to be sent")
		}
		wantAnswer(t, parked, "4a")
		c := w.upgrade("EIO=4")
		synctest.Wait()
		sent := 0
		for s.SendVolatile(text(strings.Repeat("a", 1000))) {
			sent++
		}
		if sent < 16 || sent > 18 {
			t.Errorf("sent %d", sent)
		}
		for range sent {
			c.want("4" + strings.Repeat("a", 1000))
		}
		synctest.Wait()
		if !s.SendVolatile(text("again")) {
			t.Error("not ready again")
		}
		c.want("4again")
		w.wantEnd("")
		if n := w.server.Stats().VolatileDropped; n != 3 {
			t.Errorf("%d dropped", n)
		}
	})
}

// TestSlowAndFastClients sends to clients over real sockets, one of which reads only
// when all is sent: it gets everything in order, and nobody waits for it.
func TestSlowAndFastClients(t *testing.T) {
	c := config()
	c.MaxQueue = 64 << 20
	w := newWorld(t, c, engineOptions())
	serveTCP(t, w)
	slow := w.ws("EIO=4")
	slow.wantOpen()
	sessions := []*engine.Session{w.last().session}
	var fast []*client
	for range 20 {
		f := w.ws("EIO=3")
		f.wantOpen()
		fast = append(fast, f)
		sessions = append(sessions, w.last().session)
	}
	const count, size = 500, 20_000
	message := func(i int) string { return strconv.Itoa(i) + strings.Repeat("x", size) }
	var readers sync.WaitGroup
	check := func(c *client) {
		for i := range count {
			if got := c.next(); got != "4"+message(i) {
				t.Errorf("message %d is %.20q", i, got)
				return
			}
			if got := c.next(); !strings.HasPrefix(got, "binary:") {
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
				t.Fatalf("message %d was not sent: %s", i, w.last().ended())
			}
		}
	}
	readers.Wait()
	readers.Go(func() { check(slow) })
	readers.Wait()
}

func TestDrain(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		var clients []*client
		for range 120 {
			c := w.ws("EIO=4")
			c.wantOpen()
			clients = append(clients, c)
		}
		q := w.open("EIO=4")
		parked := w.poll(q)
		ends := make(chan time.Time, len(clients))
		for _, c := range clients {
			go func() {
				c.want(closedWithout)
				ends <- time.Now()
			}()
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		w.server.Drain(ctx, "shutdown")
		wantAnswer(t, parked, "1")
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
		if status, _, _ := w.do("GET", "EIO=4&transport=polling", ""); status != 503 {
			t.Errorf("got %d while draining", status)
		}
		w.wantEnd("shutdown")
	})
}

func TestDrainDoesNotWaitForEver(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		c := w.ws("EIO=4") // it never reads
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

func TestRouteClose(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		c := w.ws("EIO=4")
		c.wantOpen()
		other := engine.NewRoute(config())
		other.Close("not this")
		if w.route.Sessions() != 1 || other.Sessions() != 0 {
			t.Error("counted wrong")
		}
		w.route.Close("gone")
		c.want(closedWithout)
		w.wantEnd("gone")
		if n := w.server.Sessions(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}
