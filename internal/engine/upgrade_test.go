package engine_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestUpgrade(t *testing.T) {
	for eioParam, noop := range map[string]string{"EIO=4": "6", "EIO=3": "1:6"} {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			q := w.openPolling(eioParam)
			s := w.lastReceiver().session
			parked := w.startPoll(q)
			c := w.dialWebSocket(eioParam + "&sid=" + s.ID())
			c.sendText("2probe")
			c.wantMessages("3probe")
			wantReply(t, parked, noop)
			for range 3 {
				w.wantResponse("GET", q, "", 200, noop)
			}
			s.Send(newText("a"))
			if eioParam == "EIO=4" {
				w.wantResponse("GET", q, "", 200, "4a")
			} else {
				w.wantResponse("GET", q, "", 200, "2:4a")
			}
			c.sendText("2probe")
			c.wantMessages("3probe")
			if s.Transport() != "polling" {
				t.Error("upgraded too early")
			}
			c.sendText("5")
			synctest.Wait()
			if s.Transport() != "websocket" {
				t.Error("not upgraded")
			}
			c.sendText("4b")
			c.wantMessages("4b")
			w.wantResponse("GET", q, "", 400, `{"code":3,"message":"Bad request"}`)
			w.wantResponse("POST", q, "4x", 400, `{"code":3,"message":"Bad request"}`)
			second := w.dialWebSocket(eioParam + "&sid=" + s.ID())
			second.wantMessages(closedWithoutStatus)
			c.sendText("4c")
			c.wantMessages("4c")
			if st := w.server.Stats(); st.Upgraded != 1 || st.WebSocket != 1 || st.Polling != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

func TestPollParkedAtUpgrade(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		c := w.dialWebSocket("EIO=4&sid=" + w.lastReceiver().session.ID())
		parked := w.startPoll(q)
		c.sendText("5") // without a probe
		wantReply(t, parked, "6")
		w.lastReceiver().session.Send(newText("a"))
		c.wantMessages("4a")
	})
}

func TestPollSentBeforeTheUpgradePacketArrives(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		c := w.dialWebSocket("EIO=4&sid=" + w.lastReceiver().session.ID())
		c.sendText("2probe")
		c.wantMessages("3probe")
		late := w.startPoll(q)
		c.sendText("5")
		wantReply(t, late, `{"code":3,"message":"Bad request"}`)
	})
}

// TestPollAbortedAtUpgrade has clients that abort their last poll after the upgrade, when
// it cannot carry messages.
func TestPollAbortedAtUpgrade(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		for range 20 {
			q := w.openPolling("EIO=4")
			s := w.lastReceiver().session
			c := w.dialWebSocket("EIO=4&sid=" + s.ID())
			gone := closingContext{t.Context(), func() {
				c.sendText("5")
				synctest.Wait()
			}}
			r := httptest.NewRequestWithContext(gone, "GET", "/socket.io/?"+q, nil)
			w.ServeHTTP(httptest.NewRecorder(), r)
			c.sendText("4a")
			c.wantMessages("4a")
			s.Close("next")
		}
	})
}

// closingContext is the context of a request whose client calls first and then
// disconnects.
type closingContext struct {
	context.Context
	first func()
}

func (g closingContext) Done() <-chan struct{} {
	g.first()
	done := make(chan struct{})
	close(done)
	return done
}

func TestUploadInFlightAtUpgrade(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		body, rest := io.Pipe()
		answer := make(chan int, 1)
		go func() {
			r, _ := http.NewRequest("POST", "http://x/socket.io/?"+q, body)
			resp, err := w.http.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			answer <- resp.StatusCode
		}()
		io.WriteString(rest, "4slow")
		synctest.Wait()
		c := w.dialWebSocket("EIO=4&sid=" + w.lastReceiver().session.ID())
		c.sendText("5")
		c.sendText("4fast")
		c.wantMessages("4fast")
		rest.Close()
		if status := <-answer; status != 200 {
			t.Errorf("status %d", status)
		}
		c.wantMessages("4slow")
	})
}

// A client that has stopped to poll takes what is queued by the WebSocket alone.
func TestCloseDuringUpgradeDeliversQueue(t *testing.T) {
	for _, packets := range [][]string{nil, {"4a"}} {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			w.openPolling("EIO=4")
			s := w.lastReceiver().session
			c := w.dialWebSocket("EIO=4&sid=" + s.ID())
			c.sendText("2probe")
			c.wantMessages("3probe")
			for _, p := range packets {
				s.Send(newText(p[1:]))
			}
			s.Close("kicked")
			c.sendText("5")
			c.wantMessages(append(packets, closedWithoutStatus)...)
			w.wantCloseReason("kicked")
		})
	}
}

// A client that still polls when the session closes gets everything by its polls.
func TestCloseDuringUpgradeRepliesToPolls(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		s := w.lastReceiver().session
		c := w.dialWebSocket("EIO=4&sid=" + s.ID())
		c.sendText("2probe")
		c.wantMessages("3probe")
		s.Send(newText("a"))
		s.Close("kicked")
		w.wantResponse("GET", q, "", 200, "4a")
		w.wantResponse("GET", q, "", 200, "1")
		c.wantMessages(closedWithoutStatus)
		w.wantCloseReason("kicked")
	})
}

func TestUpgradeTimeout(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		c := w.dialWebSocket("EIO=4&sid=" + w.lastReceiver().session.ID())
		c.sendText("2probe")
		c.wantMessages("3probe")
		began := time.Now()
		c.wantMessages(closedWithoutStatus)
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("after %v", d)
		}
		parked := w.startPoll(q) // it is parked again
		w.lastReceiver().session.Send(newText("a"))
		wantReply(t, parked, "4a")
		w.upgradeLast("EIO=4").sendText("4b") // a second try must be possible
		w.wantCloseReason("")
	})
}

func TestBadProbePacketClosesProbe(t *testing.T) {
	for _, packet := range []string{"4hello", "2", "2prob", "3", "1", "0", "6"} {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			q := w.openPolling("EIO=4")
			c := w.dialWebSocket("EIO=4&sid=" + w.lastReceiver().session.ID())
			c.sendText(packet)
			c.wantMessages(closedWithoutStatus)
			w.wantResponse("POST", q, "4still", 200, "ok")
			w.wantResponse("GET", q, "", 200, "4still")
			w.wantCloseReason("")
		})
	}
}

func TestFailedProbesKeepSession(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		sid := w.lastReceiver().session.ID()
		first := w.dialWebSocket("EIO=4&sid=" + sid)
		second := w.dialWebSocket("EIO=4&sid=" + sid)
		second.wantMessages(closedWithoutStatus)
		first.Close()
		synctest.Wait()
		third := w.dialWebSocket("EIO=4&sid=" + sid)
		third.sendText("2probe")
		third.wantMessages("3probe")
		parked := w.startPoll(q)
		wantReply(t, parked, "6")
		w.lastReceiver().session.Close("kicked")
		w.wantResponse("GET", q, "", 200, "1")
		third.wantMessages(closedWithoutStatus)
	})
}

// TestUpgradeKeepsOrder sends all the time, while the client polls, upgrades, and reads
// on. Each message must come once, in order.
func TestUpgradeKeepsOrder(t *testing.T) {
	w := newTestServer(t, testConfig(), noOptions())
	serveTCP(t, w)
	for round := range 20 {
		q := w.openPolling("EIO=4")
		s := w.lastReceiver().session
		const count = 1000
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range count {
				s.Send(newText(strconv.Itoa(i)))
			}
		}()
		got := readAcrossUpgrade(t, w, q, count)
		<-sent
		for i, n := range got {
			if n != strconv.Itoa(i) {
				t.Fatalf("round %d: message %d is %s", round, i, n)
			}
		}
		if len(got) != count {
			t.Fatalf("round %d: got %d of %d", round, len(got), count)
		}
		s.Close("done")
	}
}

// readAcrossUpgrade reads as clients do: it polls until the probe has its reply, waits
// for the current poll, and upgrades.
func readAcrossUpgrade(t *testing.T, w *testServer, q string, count int) (got []string) {
	probed, changed := make(chan struct{}), make(chan []string)
	go func() {
		var polled []string
		for {
			_, body, _ := w.request("GET", q, "")
			for packet := range strings.SplitSeq(body, "\x1e") {
				if packet != "6" {
					polled = append(polled, packet[1:])
				}
			}
			select {
			case <-probed:
				changed <- polled
				return
			default:
			}
		}
	}()
	c := w.dialWebSocket("EIO=4&sid=" + w.lastReceiver().session.ID())
	c.sendText("2probe")
	c.wantMessages("3probe")
	close(probed)
	got = <-changed
	c.sendText("5")
	c.SetReadDeadline(time.Now().Add(time.Minute))
	for len(got) < count {
		packet := c.readMessage()
		if packet[0] != '4' {
			t.Errorf("got %q", packet)
			return got
		}
		got = append(got, packet[1:])
	}
	if _, err := fmt.Sscan(got[len(got)-1], new(int)); err != nil {
		t.Error(err)
	}
	return got
}

// TestUploadEndsWithItsSession has a POST whose body never ends, and one that comes after
// its session has closed, for several ways to close.
func TestUploadEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(w *testServer){
		"closed": func(w *testServer) { w.lastReceiver().session.Close("over") },
		"upgraded": func(w *testServer) {
			w.upgradeLast("EIO=4")
			synctest.Wait()
			w.lastReceiver().session.Close("over")
		},
		"silent": func(w *testServer) {},
	} {
		t.Run(name, func(t *testing.T) {
			runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
				q := w.openPolling("EIO=4")
				nc, err := w.dial(t.Context(), "tcp", "x")
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				io.WriteString(nc, "POST /socket.io/?"+q+" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4hal")
				synctest.Wait()
				end(w)
				late, err := w.dial(t.Context(), "tcp", "x")
				if err != nil {
					t.Fatal(err)
				}
				defer late.Close()
				io.WriteString(late, "POST /socket.io/?"+q+" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4hal")
				for _, nc := range []net.Conn{nc, late} {
					_ = nc.SetReadDeadline(time.Now().Add(5 * time.Minute))
					if _, err := io.Copy(io.Discard, nc); err != nil {
						t.Errorf("%v: want the end", err)
					}
				}
			})
		})
	}
}
