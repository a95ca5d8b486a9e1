package engine_test

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestV4PingsAndWaits(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		c := w.ws("EIO=4")
		c.wantOpen()
		began := time.Now()
		for range 3 {
			c.want("2")
			if d := time.Since(began); d != 25*time.Second {
				t.Errorf("ping after %v", d)
			}
			time.Sleep(time.Second)
			began = time.Now()
			c.send("3")
		}
		c.want("2", closedWithout)
		if d := time.Since(began); d != 45*time.Second {
			t.Errorf("closed after %v", d)
		}
		w.wantEnd("ping timeout")
	})
}

func TestV3WaitsForPings(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		c := w.ws("EIO=3")
		c.wantOpen()
		for range 4 {
			time.Sleep(30 * time.Second)
			c.send("2")
			c.want("3")
		}
		c.send("3") // a stray one, which counts as life all the same
		began := time.Now()
		c.want(closedWithout)
		if d := time.Since(began); d != 45*time.Second {
			t.Errorf("closed after %v", d)
		}
		w.wantEnd("ping timeout")
	})
}

func TestV4PollingPing(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		for range 3 {
			w.want("GET", q, "", 200, "2")
			w.want("POST", q, "3", 200, "ok")
		}
		w.want("GET", q, "", 200, "2")
		w.want("GET", q, "", 200, "1")
		w.want("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
		w.wantEnd("ping timeout")
	})
}

// A client that does not poll, or no more, is not waited for until a ping is due.
func TestPollingClientThatDoesNotPollDies(t *testing.T) {
	for _, eio := range []string{"EIO=3", "EIO=4"} {
		bubble(t, config(), func(t *testing.T, w *world) {
			w.open(eio)
			time.Sleep(20*time.Second - 1)
			w.wantEnd("")
			time.Sleep(time.Second)
			w.wantEnd("ping timeout")

			q := w.open(eio)
			time.Sleep(10 * time.Second)
			answer := w.poll(q)
			time.Sleep(10 * time.Second)
			w.last().session.Send(text("a"))
			<-answer
			time.Sleep(20*time.Second - 1)
			w.wantEnd("")
			time.Sleep(time.Second)
			w.wantEnd("ping timeout")
			if n := w.server.Sessions(); n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

func TestAnyPacketIsLife(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		c := w.ws("EIO=4")
		c.wantOpen()
		for range 10 { // it never answers a ping
			time.Sleep(15 * time.Second)
			c.send("4x")
			for c.next() != "4x" {
			}
		}
		w.wantEnd("")
	})
}

func TestHeartbeatOutlivesUpgrade(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		w.open("EIO=4")
		time.Sleep(19 * time.Second)
		c := w.upgrade("EIO=4")
		c.want("2", closedWithout)
		w.wantEnd("ping timeout")
	})
}

func TestDrippingIsNotLifeForEver(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		nc, br := w.rawWS("EIO=3", "", "")
		go func() {
			for { // what comes is of no interest, but it must be taken
				if _, err := br.Discard(1); err != nil {
					return
				}
			}
		}()
		began := time.Now()
		for _, err := nc.Write([]byte{0x81, 0x80 | 126, 0x70, 0, 1, 2, 3, 4}); err == nil; _, err = nc.Write([]byte{'4'}) {
			time.Sleep(10 * time.Second)
		}
		if d := time.Since(began); d < 3*time.Minute || d > 5*time.Minute {
			t.Errorf("closed after %v", d)
		}
		w.wantEnd("ping timeout")
	})
}

func TestWrongDirection(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		c := w.ws("EIO=4")
		c.wantOpen()
		c.send("2")
		c.want(closedWithout)
		w.wantEnd("transport error")
		q := w.open("EIO=4")
		w.want("POST", q, "2", 200, "ok")
		w.wantEnd("transport error")
		w.open("EIO=3")
		w.want("POST", "EIO=3&transport=polling&sid="+w.last().session.ID(), "1:3", 200, "ok")
		w.wantEnd("")
	})
}

func TestPongFlood(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		c := w.ws("EIO=4")
		c.wantOpen()
		for range 10_000 {
			c.send("3")
		}
		c.send("4x")
		c.want("4x", "2")
	})
}

func TestAlarm(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		c := w.ws("EIO=4")
		c.wantOpen()
		s := w.last().session
		began, rang := time.Now(), make(chan time.Duration, 9)
		ring := func() { rang <- time.Since(began) }
		s.SetAlarm(time.Second, func() { t.Error("a replaced alarm rang") })
		s.SetAlarm(3*time.Second, ring)
		if d := <-rang; d != 3*time.Second {
			t.Errorf("rang after %v", d)
		}
		s.SetAlarm(time.Second, nil)
		time.Sleep(5 * time.Second)
		s.SetAlarm(time.Second, ring)
		c.Close()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(rang) != 0 {
			t.Error("the alarm of a session that has ended rang")
		}
	})
}

// upgrade changes the newest session over to WebSocket.
func (w *world) upgrade(eio string) *client {
	w.t.Helper()
	c := w.ws(eio + "&sid=" + w.last().session.ID())
	c.send("2probe")
	c.want("3probe")
	c.send("5")
	return c
}
