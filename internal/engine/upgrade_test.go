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
		bubble(t, config(), func(t *testing.T, w *world) {
			q := w.open(eioParam)
			s := w.last().session
			parked := w.poll(q)
			c := w.ws(eioParam + "&sid=" + s.ID())
			c.send("2probe")
			c.want("3probe")
			wantAnswer(t, parked, noop)
			for range 3 {
				w.want("GET", q, "", 200, noop)
			}
			s.Send(text("a"))
			if eioParam == "EIO=4" {
				w.want("GET", q, "", 200, "4a")
			} else {
				w.want("GET", q, "", 200, "2:4a")
			}
			c.send("2probe")
			c.want("3probe")
			if s.Transport() != "polling" {
				t.Error("upgraded too early")
			}
			c.send("5")
			synctest.Wait()
			if s.Transport() != "websocket" {
				t.Error("not upgraded")
			}
			c.send("4b")
			c.want("4b")
			w.want("GET", q, "", 400, `{"code":3,"message":"Bad request"}`)
			w.want("POST", q, "4x", 400, `{"code":3,"message":"Bad request"}`)
			second := w.ws(eioParam + "&sid=" + s.ID())
			second.want(closedWithout)
			c.send("4c")
			c.want("4c")
			if st := w.server.Stats(); st.Upgraded != 1 || st.WebSocket != 1 || st.Polling != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

func TestPollParkedAtUpgrade(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		c := w.ws("EIO=4&sid=" + w.last().session.ID())
		parked := w.poll(q)
		c.send("5") // without a probe
		wantAnswer(t, parked, "6")
		w.last().session.Send(text("a"))
		c.want("4a")
	})
}

func TestPollSentBeforeTheUpgradePacketArrives(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		c := w.ws("EIO=4&sid=" + w.last().session.ID())
		c.send("2probe")
		c.want("3probe")
		late := w.poll(q)
		c.send("5")
		wantAnswer(t, late, `{"code":3,"message":"Bad request"}`)
	})
}

// A client that has changed over may give its last poll up: there is nothing in it.
func TestPollGivenUpAtUpgrade(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		for range 20 {
			q := w.open("EIO=4")
			s := w.last().session
			c := w.ws("EIO=4&sid=" + s.ID())
			gone := goneOnce{t.Context(), func() {
				c.send("5")
				synctest.Wait()
			}}
			r := httptest.NewRequestWithContext(gone, "GET", "/socket.io/?"+q, nil)
			w.ServeHTTP(httptest.NewRecorder(), r)
			c.send("4a")
			c.want("4a")
			s.Close("next")
		}
	})
}

// goneOnce is the context of a request whose client does something and then goes.
type goneOnce struct {
	context.Context
	first func()
}

func (g goneOnce) Done() <-chan struct{} {
	g.first()
	done := make(chan struct{})
	close(done)
	return done
}

func TestUploadInFlightAtUpgrade(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
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
		c := w.ws("EIO=4&sid=" + w.last().session.ID())
		c.send("5")
		c.send("4fast")
		c.want("4fast")
		rest.Close()
		if status := <-answer; status != 200 {
			t.Errorf("status %d", status)
		}
		c.want("4slow")
	})
}

func TestUpgradeTimeout(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		c := w.ws("EIO=4&sid=" + w.last().session.ID())
		c.send("2probe")
		c.want("3probe")
		began := time.Now()
		c.want(closedWithout)
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("after %v", d)
		}
		parked := w.poll(q) // which waits again
		w.last().session.Send(text("a"))
		wantAnswer(t, parked, "4a")
		w.upgrade("EIO=4").send("4b") // and may try again
		w.wantEnd("")
	})
}

func TestBadProbes(t *testing.T) {
	for _, packet := range []string{"4hello", "2", "2prob", "3", "1", "0", "6"} {
		bubble(t, config(), func(t *testing.T, w *world) {
			q := w.open("EIO=4")
			c := w.ws("EIO=4&sid=" + w.last().session.ID())
			c.send(packet)
			c.want(closedWithout)
			w.want("POST", q, "4still", 200, "ok")
			w.want("GET", q, "", 200, "4still")
			w.wantEnd("")
		})
	}
}

func TestProbesDoNotHarm(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		q := w.open("EIO=4")
		sid := w.last().session.ID()
		first := w.ws("EIO=4&sid=" + sid)
		second := w.ws("EIO=4&sid=" + sid)
		second.want(closedWithout)
		first.Close()
		synctest.Wait()
		third := w.ws("EIO=4&sid=" + sid)
		third.send("2probe")
		third.want("3probe")
		parked := w.poll(q)
		wantAnswer(t, parked, "6")
		w.last().session.Close("kicked")
		third.want(closedWithout)
		w.want("GET", q, "", 200, "1")
	})
}

// TestUpgradeKeepsOrder sends all the time, while the client polls, upgrades, and
// reads on: each message comes once, in order.
func TestUpgradeKeepsOrder(t *testing.T) {
	w := newWorld(t, config(), engineOptions())
	serveTCP(t, w)
	for round := range 20 {
		q := w.open("EIO=4")
		s := w.last().session
		const count = 1000
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range count {
				s.Send(text(strconv.Itoa(i)))
			}
		}()
		got := readUpgrading(t, w, q, count)
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

// readUpgrading reads as clients do: polls until the probe is answered, waits for
// the poll that is under way, and changes over.
func readUpgrading(t *testing.T, w *world, q string, count int) (got []string) {
	probed, changed := make(chan struct{}), make(chan []string)
	go func() {
		var polled []string
		for {
			_, body, _ := w.do("GET", q, "")
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
	c := w.ws("EIO=4&sid=" + w.last().session.ID())
	c.send("2probe")
	c.want("3probe")
	close(probed)
	got = <-changed
	c.send("5")
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for len(got) < count {
		packet := c.next()
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

// A POST that never ends ends with its session, however that does, and so does one
// that comes too late.
func TestUploadEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"closed": func(w *world) { w.last().session.Close("over") },
		"upgraded": func(w *world) {
			w.upgrade("EIO=4")
			synctest.Wait()
			w.last().session.Close("over")
		},
		"silent": func(w *world) {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, config(), func(t *testing.T, w *world) {
				q := w.open("EIO=4")
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
