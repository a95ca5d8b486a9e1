package engine_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// clientFrame returns a client's frame, masked with zeros.
func clientFrame(head byte, payload string) string {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return string(append(b, 0, 0, 0, 0)) + payload
}

func TestWebSocketEcho(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		for query, wants := range map[string][]string{
			"EIO=4":       {"4bin", "binary:\x01\x02"},
			"EIO=4&b64=1": {"4bin", "bAQI="},
			"EIO=3":       {"4bin", "binary:\x04\x01\x02"},
			"EIO=3&b64=1": {"4bin", "b4AQI="},
		} {
			c := w.dialWebSocket(query)
			c.wantOpenPacket()
			c.sendText("4hé😀")
			c.wantMessages("4hé😀")
			payload := "\x01\x02"
			if strings.HasPrefix(query, "EIO=3") {
				payload = "\x04\x01\x02"
			}
			c.WriteMessage(websocket.BinaryMessage, []byte(payload))
			c.wantMessages(wants...)
		}
	})
}

// TestFrames sends frames byte by byte, and checks the frames after the open packet.
func TestFrames(t *testing.T) {
	const (
		text, binaryFrame, more, closing, ping, pong = 1, 2, 0, 8, 9, 10
		fin                                          = 0x80
	)
	open := func(s string) string { return "\x81" + string(rune(len(s))) + s }
	closed := func(code int) string {
		if code == 0 {
			return "\x88\x00"
		}
		return "\x88\x02" + string([]byte{byte(code >> 8), byte(code)})
	}
	status := func(code int, reason string) string { return string([]byte{byte(code >> 8), byte(code)}) + reason }
	for _, c := range []struct {
		name, send, want string // the texts in close frames of breaches are not compared
		reason           string
	}{
		{
			"fragments with a ping between", clientFrame(text, "4he") + clientFrame(fin|ping, "p") + clientFrame(more, "") + clientFrame(fin|more, "y") + clientFrame(fin|closing, ""),
			"\x8a\x01p" + open("4hey") + closed(0), "transport close",
		},
		{"pong", clientFrame(fin|pong, "p") + clientFrame(fin|text, "4a") + clientFrame(fin|closing, status(1000, "")), open("4a") + closed(1000), "transport close"},
		{"close with a reason", clientFrame(fin|closing, status(3000, "ö")), closed(3000), "transport close"},
		{"close with a byte", clientFrame(fin|closing, "x"), closed(1002), "transport close"},
		{"close with a bad code", clientFrame(fin|closing, status(1005, "")), closed(1002), "transport error"},
		{"close with a bad reason", clientFrame(fin|closing, status(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80")), closed(1002), "transport error"},
		{"unmasked", "\x81\x024a", closed(1002), "transport error"},
		{"reserved bits", clientFrame(fin|0x40|text, "4a"), closed(1002), "transport error"},
		{"bad opcode", clientFrame(fin|3, "4a"), closed(1002), "transport error"},
		{"long ping", clientFrame(fin|ping, strings.Repeat("a", 126)), closed(1002), "transport error"},
		{"continuation of nothing", clientFrame(fin|more, "4a"), closed(1002), "transport error"},
		{"too big", clientFrame(fin|text, strings.Repeat("4", 2001)), closed(1009), "transport error"},
		{"too big in fragments", clientFrame(text, strings.Repeat("4", 1500)) + clientFrame(fin|more, strings.Repeat("4", 501)), closed(1009), "transport error"},
		{"huge length", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", closed(1009), "transport error"},
		{"finest fragments", clientFrame(text, "4") + strings.Repeat(clientFrame(more, ""), 20_000), closed(1008), "transport error"},
		{"not UTF-8 in a fragment", clientFrame(text, "4\xff") + clientFrame(fin|more, ""), closed(1007), "transport error"},
		{"unknown packet", clientFrame(fin|text, "9"), closed(0), "parse error"},
		{"empty packet", clientFrame(fin|text, ""), closed(0), "parse error"},
		{"close packet", clientFrame(fin|text, "1"), closed(0), "transport close"},
		{"nothing to do", clientFrame(fin|text, "0") + clientFrame(fin|text, "5") + clientFrame(fin|text, "6") + clientFrame(fin|closing, ""), closed(0), "transport close"},
		{"empty binary", clientFrame(fin|binaryFrame, "") + clientFrame(fin|closing, ""), open("4bin") + "\x82\x00" + closed(0), "transport close"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkFrames(t, c.send, c.want, c.reason)
		})
	}
}

// checkFrames sends bytes and compares the bytes after the open packet.
func checkFrames(t *testing.T, send, want, reason string) {
	t.Helper()
	config := testConfig()
	config.MaxPayload = 2000
	runInBubble(t, config, func(t *testing.T, w *testServer) {
		// Half of it comes with the handshake, in one segment.
		half := len(send) / 2
		if half > 2000 {
			half = 0
		}
		nc, br := w.dialRaw("EIO=4", send[:half], "")
		go io.WriteString(nc, send[half:])
		nc.SetReadDeadline(time.Now().Add(time.Minute))
		head := make([]byte, 2)
		io.ReadFull(br, head)
		br.Discard(int(head[1]))
		got := make([]byte, len(want))
		n, err := io.ReadFull(br, got)
		if head[1] == 126 || err != nil && n == 0 {
			t.Fatalf("head %x, read %v", head, err)
		}
		if at := strings.LastIndex(want, "\x88\x02"); at >= 0 && len(got) > at+1 {
			got[at+1] = 2 // without the text
		}
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
		nc.Close()
		w.wantCloseReason(reason)
	})
}

// TestUTF8 has the classes of Autobahn's section 6.
func TestUTF8(t *testing.T) {
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"6.2 valid", "Hello-µ@ßöäüàá-UTF-8!!", true},
		{"6.5 greek", "κόσμε", true},
		{"6.6 cut two", "\xce", false},
		{"6.6 cut three", "\xe1\xbd", false},
		{"6.6 cut four", "\xf0\x90\x8d", false},
		{"6.7 first of each length", "\x00\u0080\u0800\U00010000", true},
		{"6.8 five and six bytes", "\xf8\x88\x80\x80\x80", false},
		{"6.8 six bytes", "\xfc\x84\x80\x80\x80\x80", false},
		{"6.9 last of each length", "\u007f\u07ff\uffff\U0010ffff", true},
		{"6.10 last of five", "\xfb\xbf\xbf\xbf\xbf", false},
		{"6.10 beyond", "\xf7\xbf\xbf\xbf", false},
		{"6.11 around surrogates", "\ud7ff\ue000\ufffd", true},
		{"6.11 above the last", "\xf4\x90\x80\x80", false},
		{"6.12 lonely continuation", "\x80", false},
		{"6.13 starts without continuation", "\xc0 \xc1 \xc2 ", false},
		{"6.14 incomplete", "\xc3(", false},
		{"6.15 all incomplete", "\xc0\xe0\x80\xf0\x80\x80", false},
		{"6.16 impossible bytes", "\xfe", false},
		{"6.16 impossible byte", "\xff", false},
		{"6.17 overlong slash", "\xc0\xaf", false},
		{"6.17 overlong slash of three", "\xe0\x80\xaf", false},
		{"6.18 overlong maximum", "\xc1\xbf", false},
		{"6.19 overlong null", "\xf0\x80\x80\x80", false},
		{"6.20 surrogate", "\xed\xa0\x80", false},
		{"6.21 surrogate pair", "\xed\xa0\x80\xed\xb0\x80", false},
		{"6.22 noncharacters", "\ufffe\U0001fffe\U0010ffff", true},
		{"6.23 specials", "\ufff9\ufffd", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			message := "4κόσμε" + c.text + "-UTF-8"
			if !c.ok && strings.Contains(c.name, "cut") {
				message = "4κόσμε" + c.text
			}
			sends := []string{clientFrame(0x81, message)}
			var split strings.Builder
			for i := range len(message) { // byte by byte
				head := byte(0)
				if i == 0 {
					head = 1
				}
				split.WriteString(clientFrame(head, message[i:i+1]))
			}
			sends = append(sends, split.String()+clientFrame(0x80, ""))
			for _, send := range sends {
				runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
					nc, br := w.dialRaw("EIO=4", "", "")
					go io.WriteString(nc, send)
					c2 := newFrameClient(t, nc, br)
					c2.wantOpenPacket()
					want := message
					if !c.ok {
						want = "websocket: close 1007 (invalid payload data)"
					}
					c2.wantMessages(want)
				})
			}
		})
	}
}

// newFrameClient returns a client that reads frames after the handshake.
func newFrameClient(t *testing.T, nc net.Conn, br io.Reader) *client {
	// Gorilla makes a client in a handshake only, so it gets one.
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return &replayConn{Conn: nc, r: br}, nil }}
	c, _, err := dialer.DialContext(t.Context(), "ws://x/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, c}
}

func TestFirstBadByteClosesWebSocket(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		nc, br := w.dialRaw("EIO=4", "", "")
		go io.WriteString(nc, clientFrame(1, "4ok\xce\xba\xe1")+clientFrame(0, "\xff")) // the message stays incomplete
		c := newFrameClient(t, nc, br)
		c.wantOpenPacket()
		c.wantMessages("websocket: close 1007 (invalid payload data)")
	})
}

func TestDeflate(t *testing.T) {
	c := testConfig()
	c.Compression, c.MaxPayload = true, 100_000
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		d := websocket.Dialer{NetDialContext: w.dial, EnableCompression: true}
		conn, resp, err := d.Dial("ws://x/?transport=websocket&EIO=4", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header.Get("Sec-Websocket-Extensions"); got != "permessage-deflate; server_no_context_takeover; client_no_context_takeover" {
			t.Errorf("agreed on %q", got)
		}
		ws := &client{t, conn}
		ws.wantOpenPacket()
		for _, text := range []string{"4short", "4" + strings.Repeat("long ", 5000)} {
			ws.sendText(text)
			ws.wantMessages(text)
		}
		ws.Close()

		var bomb bytes.Buffer
		z, _ := flate.NewWriter(&bomb, 9)
		z.Write([]byte("4" + strings.Repeat("a", 10_000_000)))
		z.Flush()
		nc, br := w.dialRaw("EIO=4", "", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
		go io.WriteString(nc, clientFrame(0x80|0x40|1, strings.TrimSuffix(bomb.String(), "\x00\x00\xff\xff")))
		ws = newFrameClient(t, nc, br)
		ws.wantOpenPacket()
		ws.wantMessages("websocket: close 1009 (message too big)")
		w.wantCloseReason("transport error")

		nc, br = w.dialRaw("EIO=4", "", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
		go io.WriteString(nc, clientFrame(0x80|0x40|1, "garbage"))
		ws = newFrameClient(t, nc, br)
		ws.wantOpenPacket()
		ws.wantMessages("websocket: close 1007 (invalid payload data)")
	})
}

func TestSubprotocol(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		d := websocket.Dialer{NetDialContext: w.dial, Subprotocols: []string{"one", "two"}}
		conn, _, err := d.Dial("ws://x/?transport=websocket&EIO=4", nil)
		if err != nil || conn.Subprotocol() != "one" {
			t.Errorf("%v %v", err, conn)
		}
		conn.Close()
	})
}

func TestWebSocketClose(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		s := w.lastReceiver().session
		for range 3 {
			s.Send(newText("bye"))
		}
		s.Close("kicked")
		if s.Send(newText("late")) {
			t.Error("sent after the close")
		}
		c.wantMessages("4bye", "4bye", "4bye", closedWithoutStatus)
		w.wantCloseReason("kicked")
		if got, want := w.server.Stats().Closed["other"], uint64(1); got != want {
			t.Errorf("%d closed", got)
		}
	})
}

func TestCloseDuringAccept(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		w.accept = func(p *testReceiver) error {
			p.session.Send(newText("no"))
			p.session.Close("not you")
			return nil
		}
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		c.wantMessages("4no", closedWithoutStatus)
		w.wantCloseReason("not you")
		q := w.openPolling("EIO=4")
		w.wantResponse("GET", q, "", 200, "1")
		w.wantCloseReason("not you")
	})
}

func TestHoldKeepsHandler(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		w.hold = true
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		c.sendText("4a")
		c.wantMessages("4a")
		c.Close()
		w.wantCloseReason("transport close")
	})
}
