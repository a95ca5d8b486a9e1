package engine_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// officialClient closes its connection as the official clients do: when no ping has come for
// the interval and the timeout (revision 4); when no packet has, or none for the timeout after
// its own ping (revision 3).
type officialClient struct {
	t                 *testing.T
	v3                bool
	interval, timeout time.Duration
	send              func(packet string) // may block

	mu         sync.Mutex // guards the following
	dead, ping *time.Timer
	closed     bool
}

func newOfficialClient(t *testing.T, c engine.Config, v3 bool, send func(string)) *officialClient {
	o := &officialClient{t: t, v3: v3, interval: c.PingInterval, timeout: c.PingTimeout, send: send}
	o.dead = time.AfterFunc(o.interval+o.timeout, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if !o.closed {
			t.Error("the client closed its connection: ping timeout")
		}
	})
	o.ping = time.AfterFunc(o.interval, func() {
		if v3 {
			o.mu.Lock()
			o.dead.Reset(o.timeout)
			o.mu.Unlock()
			o.send("2")
		}
	})
	return o
}

// receive takes the type of a packet of the server.
func (o *officialClient) receive(kind byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
	case o.v3:
		o.dead.Reset(o.interval + o.timeout)
		if kind == '3' {
			o.ping.Reset(o.interval)
		}
	case kind == '2':
		o.dead.Reset(o.interval + o.timeout)
		go o.send("3")
	}
}

func (o *officialClient) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.dead.Stop()
	o.ping.Stop()
}

// pausedConfig returns a config by which ten messages of 10 kB take ten of the longest pauses.
func pausedConfig(interval, timeout time.Duration) engine.Config {
	c := testConfig()
	c.PingInterval, c.PingTimeout, c.MaxPayload = interval, timeout, 10_000
	c.ByteRate = engine.Rate{PerSecond: 10_000 / c.MaxPause().Seconds(), Burst: 1}
	return c
}

// runPaused runs a test with both revisions and some heartbeats.
func runPaused(t *testing.T, test func(t *testing.T, w *testServer, c engine.Config, v3 bool, query string)) {
	for _, beat := range [][2]time.Duration{{25, 20}, {2, 2}, {60, 5}, {2, 60}} {
		for _, v3 := range []bool{true, false} {
			c := pausedConfig(beat[0]*time.Second, beat[1]*time.Second)
			query := map[bool]string{true: "EIO=3", false: "EIO=4"}[v3]
			t.Run(fmt.Sprint(query, " ", c.PingInterval, " ", c.PingTimeout), func(t *testing.T) {
				runInBubble(t, c, func(t *testing.T, w *testServer) {
					w.accept = func(p *testReceiver) error { // replies would prove that the server is alive
						p.onText = func(p *testReceiver, text string) error {
							if text == "last" {
								p.session.Send(newText(text))
							}
							return nil
						}
						return nil
					}
					test(t, w, c, v3, query)
				})
			})
		}
	}
}

// TestPausedWebSocketKeepsItsConnection has an official client that sends ten of the largest
// messages at once, just before a heartbeat. Its pings and pongs are behind them.
func TestPausedWebSocketKeepsItsConnection(t *testing.T) {
	runPaused(t, func(t *testing.T, w *testServer, c engine.Config, v3 bool, query string) {
		ws := w.dialWebSocket(query)
		ws.wantOpenPacket()
		out := make(chan string, 100) // as the client's buffer: in order, and without a limit
		defer func() { out <- "" }()
		go func() {
			for text := <-out; text != ""; text = <-out {
				ws.sendText(text)
			}
		}()
		o := newOfficialClient(t, c, v3, func(packet string) { out <- packet })
		defer o.close()
		time.Sleep(c.PingInterval - time.Millisecond)
		began, text := time.Now(), "4"+strings.Repeat("a", 9_999)
		for range 10 {
			out <- text
		}
		out <- "4last"
		for got := ""; got != "4last"; o.receive(got[0]) {
			if got = ws.readMessage(); strings.HasPrefix(got, "websocket:") {
				t.Fatal(got)
			}
		}
		if d, want := time.Since(began), 10*c.MaxPause(); d < want-time.Second || d > want+time.Second {
			t.Errorf("ten messages took %v, want %v", d, want)
		}
		time.Sleep(c.PingTimeout / 2)
		w.wantCloseReason("")
	})
}

// TestPausedPollingKeepsItsConnection has an official client that sends ten of the largest
// messages, each in a POST. Its pings and pongs come behind them.
func TestPausedPollingKeepsItsConnection(t *testing.T) {
	runPaused(t, func(t *testing.T, w *testServer, c engine.Config, v3 bool, query string) {
		q := w.openPolling(query)
		frame := func(packet string) string {
			if v3 {
				return fmt.Sprint(len(packet), ":", packet)
			}
			return packet
		}
		out, posted := make(chan string, 100), make(chan struct{})
		go func() {
			defer close(posted)
			for text := <-out; text != ""; text = <-out {
				began := time.Now()
				w.wantResponse("POST", q, frame(text), 200, "ok")
				if d := time.Since(began); d > c.MaxPause()+time.Second {
					t.Errorf("the response took %v", d)
				}
			}
		}()
		o := newOfficialClient(t, c, v3, func(packet string) { out <- packet })
		defer func() {
			o.close()
			out <- ""
			<-posted
		}()
		go func() {
			time.Sleep(c.PingInterval - time.Millisecond)
			for range 10 {
				out <- "4" + strings.Repeat("a", 9_000)
			}
			out <- "4last"
		}()
		for got := ""; !strings.Contains(got, "4last"); {
			var status int
			if status, got, _ = w.request("GET", q, ""); status != 200 {
				t.Fatal(status, got)
			}
			if v3 {
				_, got, _ = strings.Cut(got, ":")
			}
			o.receive(got[0])
		}
		w.wantCloseReason("")
	})
}
