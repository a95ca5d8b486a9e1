package engine_test

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestV4ServerPings(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		began := time.Now()
		for range 3 {
			c.wantMessages("2")
			if d := time.Since(began); d != 25*time.Second {
				t.Errorf("ping after %v", d)
			}
			time.Sleep(time.Second)
			began = time.Now()
			c.sendText("3")
		}
		c.wantMessages("2", closedWithoutStatus)
		if d := time.Since(began); d != 45*time.Second {
			t.Errorf("closed after %v", d)
		}
		w.wantCloseReason("ping timeout")
	})
}

func TestV3ServerAwaitsPings(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		c := w.dialWebSocket("EIO=3")
		c.wantOpenPacket()
		for range 4 {
			time.Sleep(30 * time.Second)
			c.sendText("2")
			c.wantMessages("3")
		}
		c.sendText("3") // a stray one, which counts as life as well
		began := time.Now()
		c.wantMessages(closedWithoutStatus)
		if d := time.Since(began); d != 45*time.Second {
			t.Errorf("closed after %v", d)
		}
		w.wantCloseReason("ping timeout")
	})
}

func TestV4ServerPingsPolling(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		for range 3 {
			w.wantResponse("GET", q, "", 200, "2")
			w.wantResponse("POST", q, "3", 200, "ok")
		}
		w.wantResponse("GET", q, "", 200, "2")
		w.wantResponse("GET", q, "", 200, "1")
		w.wantResponse("GET", q, "", 400, `{"code":1,"message":"Session ID unknown"}`)
		w.wantCloseReason("ping timeout")
	})
}

// TestPollingClientWithoutPollTimesOut has clients that send no poll, or no second one:
// their sessions close before a ping is due.
func TestPollingClientWithoutPollTimesOut(t *testing.T) {
	for _, eio := range []string{"EIO=3", "EIO=4"} {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			w.openPolling(eio)
			time.Sleep(20*time.Second - 1)
			w.wantCloseReason("")
			time.Sleep(time.Second)
			w.wantCloseReason("ping timeout")

			q := w.openPolling(eio)
			time.Sleep(10 * time.Second)
			answer := w.startPoll(q)
			time.Sleep(10 * time.Second)
			w.lastReceiver().session.Send(newText("a"))
			<-answer
			time.Sleep(20*time.Second - 1)
			w.wantCloseReason("")
			time.Sleep(time.Second)
			w.wantCloseReason("ping timeout")
			if n := w.server.Sessions(); n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

func TestAnyPacketCountsAsLife(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		for range 10 { // it never replies to a ping
			time.Sleep(15 * time.Second)
			c.sendText("4x")
			for c.readMessage() != "4x" {
			}
		}
		w.wantCloseReason("")
	})
}

func TestHeartbeatContinuesAfterUpgrade(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		w.openPolling("EIO=4")
		time.Sleep(19 * time.Second)
		c := w.upgradeLast("EIO=4")
		c.wantMessages("2", closedWithoutStatus)
		w.wantCloseReason("ping timeout")
	})
}

// TestFrameHeadsDoNotCountAsLife sends empty pings without end. They are no packets.
func TestFrameHeadsDoNotCountAsLife(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		nc, br := w.dialRaw("EIO=3", "", "")
		go func() {
			for { // the bytes must be read, whatever they are
				if _, err := br.Discard(1); err != nil {
					return
				}
			}
		}()
		began := time.Now()
		ping := []byte(clientFrame(0x89, ""))
		for _, err := nc.Write(ping); err == nil; _, err = nc.Write(ping) {
			time.Sleep(10 * time.Second)
		}
		if d := time.Since(began); d < 3*time.Minute || d > 5*time.Minute {
			t.Errorf("closed after %v", d)
		}
		w.wantCloseReason("ping timeout")
	})
}

func TestPingInWrongDirection(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		c.sendText("2")
		c.wantMessages(closedWithoutStatus)
		w.wantCloseReason("transport error")
		q := w.openPolling("EIO=4")
		w.wantResponse("POST", q, "2", 200, "ok")
		w.wantCloseReason("transport error")
		w.openPolling("EIO=3")
		w.wantResponse("POST", "EIO=3&transport=polling&sid="+w.lastReceiver().session.ID(), "1:3", 200, "ok")
		w.wantCloseReason("")
	})
}

// TestManyPongsAreHarmless sends pongs that the server did not ask for. They cannot delay its
// next ping.
func TestManyPongsAreHarmless(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		for range 10_000 {
			c.sendText("3")
		}
		go c.sendText("4x") // is read after a pause
		c.wantMessages("2", "4x")
	})
}

func TestAlarmFiresOnce(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		s := w.lastReceiver().session
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
			t.Error("the alarm of a closed session rang")
		}
	})
}

// upgradeLast upgrades the newest session to WebSocket.
func (w *testServer) upgradeLast(eio string) *client {
	w.t.Helper()
	c := w.dialWebSocket(eio + "&sid=" + w.lastReceiver().session.ID())
	c.sendText("2probe")
	c.wantMessages("3probe")
	c.sendText("5")
	return c
}

// TestBusyReceiverIsNoPingTimeout has a client that is not read, because the receiver
// still handles its last message. The client gets pings, without which it would close its
// connection.
func TestBusyReceiverIsNoPingTimeout(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		release := make(chan struct{})
		w.accept = func(p *testReceiver) error {
			p.onText = func(_ *testReceiver, text string) error {
				if text == "slow" {
					<-release
				}
				return nil
			}
			return nil
		}
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		c.sendText("4slow")
		c.wantMessages("2")
		go c.sendText("3") // a pipe accepts it when the server reads
		for began := time.Now(); time.Since(began) < 5*time.Minute; {
			ping := time.Now()
			c.wantMessages("2")
			if d := time.Since(ping); d > 21*time.Second {
				t.Errorf("a ping after %v", d)
			}
		}
		close(release)
		c.wantMessages("2")
		c.wantMessages(closedWithoutStatus)
		w.wantCloseReason("ping timeout")
	})
}
