package engine_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/gorilla/websocket"
)

// TestUselessPacketsSlowTheirClient sends packets without a meaning, and measures how long
// the server takes for the packet behind them. 200 a second may pass, and 1,000 at once.
func TestUselessPacketsSlowTheirClient(t *testing.T) {
	for name, c := range map[string]struct{ query, packet string }{
		"noop of 4":    {"EIO=4", "6"},
		"noop of 3":    {"EIO=3", "6"},
		"open of 4":    {"EIO=4", "0"},
		"upgrade of 3": {"EIO=3", "5"},
		"pong of 4":    {"EIO=4", "3"},
		"pong of 3":    {"EIO=3", "3"},
		"ping of 3":    {"EIO=3", "2"},
	} {
		t.Run(name+" over WebSocket", func(t *testing.T) {
			runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
				ws := w.dialWebSocket(c.query)
				ws.wantOpenPacket()
				began := time.Now()
				for range 3000 {
					ws.sendText(c.packet)
				}
				ws.sendText("4after")
				for ws.readMessage() != "4after" {
				}
				if d := time.Since(began); d < 9*time.Second || d > 11*time.Second {
					t.Errorf("the packet behind them took %v, want 10s", d)
				}
			})
		})
		t.Run(name+" over polling", func(t *testing.T) {
			runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
				q := w.openPolling(c.query)
				body := strings.TrimSuffix(strings.Repeat(c.packet+"\x1e", 3000), "\x1e")
				if strings.HasPrefix(c.query, "EIO=3") {
					body = strings.Repeat("1:"+c.packet, 3000)
				}
				began := time.Now()
				w.wantResponse("POST", q, body, 200, "ok")
				if d := time.Since(began); d < 9*time.Second || d > 11*time.Second {
					t.Errorf("the response took %v, want 10s", d)
				}
			})
		})
	}
}

// TestPauseOfOnePostIsBounded posts so many noops that they would take an hour and more. The
// client does not lose its session.
func TestPauseOfOnePostIsBounded(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		q := w.openPolling("EIO=4")
		began := time.Now()
		w.wantResponse("POST", q, strings.TrimSuffix(strings.Repeat("6\x1e", 450_000), "\x1e"), 200, "ok")
		if d := time.Since(began); d < 9*time.Second || d > 11*time.Second {
			t.Errorf("the response took %v, want 10s", d)
		}
		w.wantCloseReason("")
	})
}

// TestControlFramesSlowTheirClient floods with pings and pongs of the WebSocket protocol.
func TestControlFramesSlowTheirClient(t *testing.T) {
	for name, kind := range map[string]int{"ping": websocket.PingMessage, "pong": websocket.PongMessage} {
		t.Run(name, func(t *testing.T) {
			runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
				ws := w.dialWebSocket("EIO=4")
				ws.wantOpenPacket()
				ws.SetPongHandler(func(string) error { return nil })
				began := time.Now()
				go func() {
					for range 3000 {
						ws.WriteControl(kind, nil, time.Time{})
					}
					ws.sendText("4after")
				}()
				for ws.readMessage() != "4after" {
				}
				if d := time.Since(began); d < 9*time.Second || d > 11*time.Second {
					t.Errorf("the packet behind them took %v, want 10s", d)
				}
			})
		})
	}
}

// TestPacketRateCountsUselessPackets has a limit below the one for packets without a
// meaning. Heartbeats count for neither.
func TestPacketRateCountsUselessPackets(t *testing.T) {
	c := testConfig()
	c.PacketRate = engine.Rate{PerSecond: 0.1, Burst: 2}
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		ws := w.dialWebSocket("EIO=4")
		ws.wantOpenPacket()
		began := time.Now()
		ws.sendText("6")
		ws.sendText("6")
		ws.sendText("6")
		ws.sendText("4after")
		ws.wantMessages("4after")
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("the packet behind them took %v, want 10s", d)
		}
		for range 5 { // many more than the rate allows in this time
			ws.wantMessages("2")
			ws.sendText("3")
		}
		began = time.Now()
		ws.sendText("4after")
		ws.wantMessages("4after")
		if d := time.Since(began); d != 0 {
			t.Errorf("the packet behind heartbeats took %v", d)
		}
	})
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		ws := w.dialWebSocket("EIO=3")
		ws.wantOpenPacket()
		for range 5 {
			time.Sleep(25 * time.Second)
			began := time.Now()
			ws.sendText("2")
			ws.wantMessages("3")
			ws.sendText("4after")
			ws.wantMessages("4after")
			if d := time.Since(began); d != 0 {
				t.Errorf("the packet behind a heartbeat took %v", d)
			}
		}
	})
}

// TestByteRateSlowsItsClient sends 100 kB where 10 kB a second may pass.
func TestByteRateSlowsItsClient(t *testing.T) {
	c := testConfig()
	c.ByteRate = engine.Rate{PerSecond: 10_000, Burst: 20_000}
	text := "4" + strings.Repeat("a", 9_999)
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		ws := w.dialWebSocket("EIO=4")
		ws.wantOpenPacket()
		began := time.Now()
		for range 10 {
			ws.sendText(text)
			ws.wantMessages(text)
		}
		if d := time.Since(began); d < 7*time.Second || d > 8*time.Second {
			t.Errorf("ten messages took %v", d)
		}
		q := w.openPolling("EIO=4")
		began = time.Now()
		for range 10 {
			w.wantResponse("POST", q, text, 200, "ok")
			w.wantResponse("GET", q, "", 200, text)
		}
		if d := time.Since(began); d < 8*time.Second || d > 9*time.Second {
			t.Errorf("ten posts took %v", d)
		}
	})
}

// TestInflatedBytesSlowTheirClient sends noops that inflate to 20 MB. 8 MiB a second may pass,
// and 16 MiB at once.
func TestInflatedBytesSlowTheirClient(t *testing.T) {
	c := testConfig()
	c.Compression, c.MaxPayload = true, 2_000_000
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		var packed bytes.Buffer
		z, _ := flate.NewWriter(&packed, flate.BestCompression)
		z.Write([]byte("6" + strings.Repeat("a", 1_999_999)))
		z.Flush()
		nc, br := w.dialRaw("EIO=4", "", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
		ws := newFrameClient(t, nc, br)
		ws.wantOpenPacket()
		began := time.Now()
		noop := clientFrame(0x80|0x40|1, strings.TrimSuffix(packed.String(), "\x00\x00\xff\xff"))
		go io.WriteString(nc, strings.Repeat(noop, 10)+clientFrame(0x80|1, "4after"))
		ws.wantMessages("4after")
		const want = (20_000_000 - 16<<20) * time.Second / (8 << 20)
		if d := time.Since(began); d < want || d > want+time.Millisecond {
			t.Errorf("the message behind them took %v, want %v", d, want)
		}
	})
}

// TestPauseEndsWithSession closes a session while its client is not read.
func TestPauseEndsWithSession(t *testing.T) {
	c := testConfig()
	c.PacketRate = engine.Rate{PerSecond: 1e-9, Burst: 1}
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		ws := w.dialWebSocket("EIO=4")
		ws.wantOpenPacket()
		go func() {
			for range 60 { // pauses of 10 s
				_ = ws.WriteMessage(websocket.TextMessage, []byte("6"))
			}
		}()
		time.AfterFunc(3*time.Minute, func() {
			w.wantCloseReason("") // no pong was read
			w.lastReceiver().session.Close("kicked")
		})
		for ws.readMessage() == "2" {
		}
		w.wantCloseReason("kicked")
	})
	// A new config applies to a pause.
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		ws := w.dialWebSocket("EIO=4")
		ws.wantOpenPacket()
		ws.sendText("6")
		ws.sendText("6")
		go ws.sendText("4after") // is not read yet
		time.Sleep(5 * time.Second)
		w.route.SetConfig(testConfig())
		ws.wantMessages("4after")
	})
}
