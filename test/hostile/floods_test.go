package hostile_test

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// floodBlocks sends a block of bytes repeatedly until the server closes the connection. It
// reads the server's messages meanwhile, and returns the status of the close frame.
func (w *wireConn) floodBlocks(block []byte, times int) int {
	w.t.Helper()
	go func() {
		for range times {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}()
	return w.awaitClose()
}

func TestFragments(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 150<<20)
	one := bytes.Repeat(maskFrame(opContinue, []byte("x")), 10_000)
	none := bytes.Repeat(maskFrame(opContinue, nil), 10_000)
	for name, block := range map[string][]byte{"of one byte": one, "of no bytes": none} {
		for kind, op := range map[string]byte{"text": opText, "binary": opBinary} {
			t.Run(kind+" "+name, func(t *testing.T) {
				w := sharedProcess.openMember(t, "/socket.io/")
				w.writeRaw(maskFrame(op, nil))
				if status := w.floodBlocks(block, 100); status != policy && status != tooBig {
					t.Errorf("closed with %d", status)
				}
			})
		}
	}
	t.Run("of the largest message", func(t *testing.T) {
		w := sharedProcess.openMember(t, "/socket.io/")
		w.writeRaw(maskFrame(opText, []byte(`42["unknown","`)))
		w.writeRaw(bytes.Repeat(maskFrame(opContinue, []byte("xxxxxxxx")), 2_000))
		w.writeRaw(maskFrame(fin|opContinue, []byte(`"]`)))
		w.wantAlive()
	})
}

// idleBurst is how many packets without a meaning a connection may send at once: the server
// reads 200 more of them a second.
const idleBurst = 1_000

// idlePauses returns how often the process has paused the reading of such connections.
func (p *process) idlePauses(t *testing.T) float64 {
	t.Helper()
	return p.readMetric(t, "caddy_socketio_rate_limited_total", `reason="idle"`)
}

// wantSlowed sends twice idleBurst frames. The server pauses the connection, but serves all.
func (w *wireConn) wantSlowed(t *testing.T, frame []byte) {
	t.Helper()
	before := sharedProcess.idlePauses(t)
	w.writeRaw(bytes.Repeat(frame, 2*idleBurst))
	w.wantAlive()
	if sharedProcess.idlePauses(t) == before {
		t.Error("no connection was paused")
	}
}

// floodEndlessly sends a block until the test ends. The server stops reading it, which costs
// no memory and no goroutine.
func (w *wireConn) floodEndlessly(t *testing.T, block []byte) {
	t.Helper()
	goroutines := sharedProcess.readMetric(t, "go_goroutines", "")
	before := sharedProcess.idlePauses(t)
	go func() {
		for {
			if _, err := w.Write(block); err != nil {
				return // the connection is closed at the end of the test
			}
		}
	}()
	sharedProcess.awaitMetric(t, "caddy_socketio_rate_limited_total", `reason="idle"`, func(now float64) bool { return now > before })
	sharedProcess.awaitMetricAtMost(t, "go_goroutines", "", goroutines+20)
}

// TestPingFlood sends pings and does not read the pongs.
func TestPingFlood(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 150<<20)
	ping := maskFrame(fin|opPing, []byte(strings.Repeat("x", 125)))
	t.Run("twice the burst", func(t *testing.T) {
		t.Parallel()
		sharedProcess.openMember(t, "/socket.io/").wantSlowed(t, ping)
	})
	t.Run("without end", func(t *testing.T) {
		t.Parallel()
		sharedProcess.openMember(t, "/socket.io/").floodEndlessly(t, bytes.Repeat(ping, 1_000))
	})
}

// TestHeartbeatFlood sends pongs without a ping.
func TestHeartbeatFlood(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 100<<20)
	pong := maskFrame(fin|opText, []byte("3"))
	t.Run("twice the burst", func(t *testing.T) {
		t.Parallel()
		w := sharedProcess.openMember(t, "/socket.io/")
		w.wantSlowed(t, pong)
		w.writeTexts("2") // only the server sends pings in revision 4
		w.wantClosed(noStatus)
	})
	t.Run("without end", func(t *testing.T) {
		t.Parallel()
		sharedProcess.openMember(t, "/socket.io/").floodEndlessly(t, bytes.Repeat(pong, 1_000))
	})
}

// TestUnreadPongs posts pings repeatedly and never polls for the pongs.
func TestUnreadPongs(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 100<<20)
	c := sharedProcess.openPoller(t, "/socket.io/", "EIO=3")
	pings := strings.Repeat("1:2", 300_000)
	for posts := 1; ; posts++ {
		a, err := c.p.sendRequest(t.Context(), "POST", c.target, strings.NewReader(pings))
		if err != nil || a.body == unknownSession {
			break // the POST ends when its session closes
		}
		if posts > 20 {
			t.Fatal("6,000,000 pongs wait for a client that does not poll")
		}
	}
	c.wantGone()
}

// TestPacketFlood sends packets that have no effect.
func TestPacketFlood(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 150<<20)
	for name, packet := range map[string]string{
		"unknown acknowledgements": `43123456["x"]`,
		"noops":                    "6",
		"handshakes":               "0{}",
		"upgrades":                 "5",
		"acks without an id":       `43["x"]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sharedProcess.openMember(t, "/socket.io/").wantSlowed(t, maskFrame(fin|opText, []byte(packet)))
		})
	}
	t.Run("unknown events", func(t *testing.T) {
		t.Parallel()
		w := sharedProcess.openMember(t, "/socket.io/")
		w.writeRaw(bytes.Repeat(maskFrame(fin|opText, []byte(`42["unknown",{"a":[1,2,3]}]`)), 20_000))
		w.wantAlive()
	})
}

// TestRateLimit floods beyond the rates of a connection, a rule and a room.
func TestRateLimit(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 100<<20)
	const events = 2_000
	for name, c := range map[string]struct{ path, namespace, event string }{
		"of a connection": {"/limited/", "/", `["echo"]`},
		"of a rule":       {"/socket.io/", "/rated,", `["rare"]`},
		"of a room":       {"/socket.io/", "/rated,", `["shout","room"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := sharedProcess.openMember(t, c.path)
			prefix := ""
			if c.namespace != "/" {
				prefix = c.namespace
				w.writeTexts("40" + prefix)
				w.wantLike("40" + prefix)
			}
			w.writeRaw(bytes.Repeat(maskFrame(fin|opText, []byte("42"+prefix+"1"+c.event)), events))
			counts := map[string]int{}
			for range events {
				counts[w.readNext()]++
			}
			good, limited := counts["43"+prefix+"1[]"], counts["43"+prefix+`1[{"error":"rate limit exceeded"}]`]
			if good < 150 || limited < 500 || good+limited != events {
				t.Errorf("answers: %v", counts)
			}
		})
	}
}

// TestEmitsToCountlessRooms emits to 60,000 rooms that have a limit, more than are counted.
func TestEmitsToCountlessRooms(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 200<<20)
	w := sharedProcess.openMember(t, "/socket.io/")
	w.writeTexts("40/rated,")
	w.wantLike("40/rated,")
	filler := strings.Repeat("x", 400)
	for i := range 600 {
		var rooms []string
		for room := range 100 {
			rooms = append(rooms, fmt.Sprintf("%d-%d-%s", i, room, filler))
		}
		list, _ := json.Marshal(rooms)
		w.writeTexts(`42/rated,["shout",` + string(list) + "]")
	}
	w.writeTexts(`42/rated,1["shout","room-of-its-own"]`)
	w.wantLike("43/rated,1[]")
}

// deflateData returns data as a message compressed by permessage-deflate.
func deflateData(data []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression) // the level is valid
	_, _ = w.Write(data)
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// offerDeflate is the header of a handshake that offers compression.
const offerDeflate = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"

// openCompressed opens a WebSocket with compression.
func (p *process) openCompressed(t *testing.T) *wireConn {
	t.Helper()
	w, err := p.dialWebSocket("/packed/?EIO=4&transport=websocket", offerDeflate, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.t = t
	t.Cleanup(func() { w.Close() })
	w.wantLike(`0{"sid":"`)
	w.writeRaw(maskFrame(fin|rsv1|opText, deflateData([]byte("40"))))
	w.wantLike(`40{"sid":"`)
	return w
}

func TestCompression(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 150<<20)
	// The blocks are independent, so one can be repeated: 256 MB of zeros.
	bomb := bytes.Repeat(append(deflateData(make([]byte, 1<<20)), 0, 0, 0xff, 0xff), 256)
	const limit = 1_000_000
	for name, test := range map[string]struct {
		sent     []byte
		statuses []int
	}{
		"a bomb":                   {maskFrame(fin|rsv1|opBinary, bomb), []int{tooBig}},
		"a bomb of text":           {maskFrame(fin|rsv1|opText, bomb), []int{tooBig}},
		"a bomb in parts":          {append(maskFrame(rsv1|opBinary, bomb[:100]), maskFrame(fin|opContinue, bomb[100:])...), []int{tooBig}},
		"an unfinished bomb":       {maskFrame(rsv1|opBinary, bomb), []int{tooBig}},
		"one byte too many":        {maskFrame(fin|rsv1|opText, deflateData(bytes.Repeat([]byte("6"), limit+1))), []int{tooBig}},
		"invalid data":             {maskFrame(fin|rsv1|opText, []byte("\x07nonsense")), []int{badPayload}},
		"truncated data":           {maskFrame(fin|rsv1|opText, deflateData([]byte(strings.Repeat("4abcdefg", 100)))[:5]), []int{badPayload, noStatus}},
		"invalid UTF-8":            {maskFrame(fin|rsv1|opText, deflateData([]byte("42[\"x\",\"\xff\"]"))), []int{badPayload}},
		"compressed continuations": {append(maskFrame(rsv1|opText, bomb[:10]), maskFrame(fin|rsv1|opContinue, bomb[10:20])...), []int{protocolError}},
		"another reserved bit":     {maskFrame(fin|rsv1|0x20|opText, bomb[:10]), []int{protocolError}},
	} {
		t.Run(name, func(t *testing.T) {
			w := sharedProcess.openCompressed(t)
			w.writeRaw(test.sent)
			w.wantClosed(test.statuses...)
		})
	}
	t.Run("the largest message", func(t *testing.T) {
		w := sharedProcess.openCompressed(t)
		w.writeRaw(maskFrame(fin|rsv1|opText, deflateData([]byte(`42["unknown","`+strings.Repeat("x", limit-16)+`"]`))))
		w.wantAlive()
	})
}
