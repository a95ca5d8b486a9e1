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

// frame is a client's frame, masked with zeros.
func frame(head byte, payload string) string {
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
	bubble(t, config(), func(t *testing.T, w *world) {
		for query, wants := range map[string][]string{
			"EIO=4":       {"4bin", "binary:\x01\x02"},
			"EIO=4&b64=1": {"4bin", "bAQI="},
			"EIO=3":       {"4bin", "binary:\x04\x01\x02"},
			"EIO=3&b64=1": {"4bin", "b4AQI="},
		} {
			c := w.ws(query)
			c.wantOpen()
			c.send("4hé😀")
			c.want("4hé😀")
			payload := "\x01\x02"
			if strings.HasPrefix(query, "EIO=3") {
				payload = "\x04\x01\x02"
			}
			c.WriteMessage(websocket.BinaryMessage, []byte(payload))
			c.want(wants...)
		}
	})
}

// TestFrames sends frames by hand, and says what comes after the open packet.
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
		name, send, want string // the close frames of breaches have a text, which is not looked at
		reason           string
	}{
		{"fragments with a ping between", frame(text, "4he") + frame(fin|ping, "p") + frame(more, "") + frame(fin|more, "y") + frame(fin|closing, ""),
			"\x8a\x01p" + open("4hey") + closed(0), "transport close"},
		{"pong", frame(fin|pong, "p") + frame(fin|text, "4a") + frame(fin|closing, status(1000, "")), open("4a") + closed(1000), "transport close"},
		{"close with a reason", frame(fin|closing, status(3000, "ö")), closed(3000), "transport close"},
		{"close with a byte", frame(fin|closing, "x"), closed(1002), "transport close"},
		{"close with a bad code", frame(fin|closing, status(1005, "")), closed(1002), "transport error"},
		{"close with a bad reason", frame(fin|closing, status(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80")), closed(1002), "transport error"},
		{"unmasked", "\x81\x024a", closed(1002), "transport error"},
		{"reserved bits", frame(fin|0x40|text, "4a"), closed(1002), "transport error"},
		{"bad opcode", frame(fin|3, "4a"), closed(1002), "transport error"},
		{"long ping", frame(fin|ping, strings.Repeat("a", 126)), closed(1002), "transport error"},
		{"continuation of nothing", frame(fin|more, "4a"), closed(1002), "transport error"},
		{"too big", frame(fin|text, strings.Repeat("4", 2001)), closed(1009), "transport error"},
		{"too big in fragments", frame(text, strings.Repeat("4", 1500)) + frame(fin|more, strings.Repeat("4", 501)), closed(1009), "transport error"},
		{"huge length", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", closed(1009), "transport error"},
		{"finest fragments", frame(text, "4") + strings.Repeat(frame(more, ""), 20_000), closed(1008), "transport error"},
		{"not UTF-8 in a fragment", frame(text, "4\xff") + frame(fin|more, ""), closed(1007), "transport error"},
		{"unknown packet", frame(fin|text, "9"), closed(0), "parse error"},
		{"empty packet", frame(fin|text, ""), closed(0), "parse error"},
		{"close packet", frame(fin|text, "1"), closed(0), "transport close"},
		{"nothing to do", frame(fin|text, "0") + frame(fin|text, "5") + frame(fin|text, "6") + frame(fin|closing, ""), closed(0), "transport close"},
		{"empty binary", frame(fin|binaryFrame, "") + frame(fin|closing, ""), open("4bin") + "\x82\x00" + closed(0), "transport close"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkFrames(t, c.send, c.want, c.reason)
		})
	}
}

// checkFrames sends bytes and compares what comes after the open packet.
func checkFrames(t *testing.T, send, want, reason string) {
	t.Helper()
	config := config()
	config.MaxPayload = 2000
	bubble(t, config, func(t *testing.T, w *world) {
		// Half of it comes with the handshake, in one segment.
		half := len(send) / 2
		if half > 2000 {
			half = 0
		}
		nc, br := w.rawWS("EIO=4", send[:half], "")
		go io.WriteString(nc, send[half:])
		nc.SetReadDeadline(time.Now().Add(20 * time.Second))
		head := make([]byte, 2)
		io.ReadFull(br, head)
		br.Discard(int(head[1]))
		got := make([]byte, len(want))
		n, err := io.ReadFull(br, got)
		if head[1] == 126 || err != nil && n == 0 {
			t.Fatalf("head %x, read %v", head, err)
		}
		if at := strings.LastIndex(want, "\x88\x02"); at >= 0 && len(got) > at+1 {
			got[at+1] = 2 // and maybe a text
		}
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
		nc.Close()
		w.wantEnd(reason)
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
			sends := []string{frame(0x81, message)}
			var split strings.Builder
			for i := range len(message) { // byte by byte
				head := byte(0)
				if i == 0 {
					head = 1
				}
				split.WriteString(frame(head, message[i:i+1]))
			}
			sends = append(sends, split.String()+frame(0x80, ""))
			for _, send := range sends {
				bubble(t, config(), func(t *testing.T, w *world) {
					nc, br := w.rawWS("EIO=4", "", "")
					go io.WriteString(nc, send)
					c2 := websocketClient(t, nc, br)
					c2.wantOpen()
					want := message
					if !c.ok {
						want = "websocket: close 1007 (invalid payload data)"
					}
					c2.want(want)
				})
			}
		})
	}
}

// websocketClient reads frames of a connection whose handshake is done.
func websocketClient(t *testing.T, nc net.Conn, br io.Reader) *client {
	// Gorilla makes clients by a handshake only, so it gets one.
	c, _, err := websocket.NewClient(&replay{Conn: nc, r: br}, mustURL("ws://x/"), nil, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, c}
}

func TestFirstBadByteEnds(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		nc, br := w.rawWS("EIO=4", "", "")
		go io.WriteString(nc, frame(1, "4ok\xce\xba\xe1")+frame(0, "\xff")) // and no end
		c := websocketClient(t, nc, br)
		c.wantOpen()
		c.want("websocket: close 1007 (invalid payload data)")
	})
}

func TestDeflate(t *testing.T) {
	c := config()
	c.Compression, c.MaxPayload = true, 100_000
	bubble(t, c, func(t *testing.T, w *world) {
		d := websocket.Dialer{NetDialContext: w.dial, EnableCompression: true}
		conn, resp, err := d.Dial("ws://x/?transport=websocket&EIO=4", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header.Get("Sec-Websocket-Extensions"); got != "permessage-deflate; server_no_context_takeover; client_no_context_takeover" {
			t.Errorf("agreed on %q", got)
		}
		ws := &client{t, conn}
		ws.wantOpen()
		for _, text := range []string{"4short", "4" + strings.Repeat("long ", 5000)} {
			ws.send(text)
			ws.want(text)
		}
		ws.Close()

		var bomb bytes.Buffer
		z, _ := flate.NewWriter(&bomb, 9)
		z.Write([]byte("4" + strings.Repeat("a", 10_000_000)))
		z.Flush()
		nc, br := w.rawWS("EIO=4", "", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
		go io.WriteString(nc, frame(0x80|0x40|1, strings.TrimSuffix(bomb.String(), "\x00\x00\xff\xff")))
		ws = websocketClient(t, nc, br)
		ws.wantOpen()
		ws.want("websocket: close 1009 (message too big)")
		w.wantEnd("transport error")

		nc, br = w.rawWS("EIO=4", "", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
		go io.WriteString(nc, frame(0x80|0x40|1, "garbage"))
		ws = websocketClient(t, nc, br)
		ws.wantOpen()
		ws.want("websocket: close 1007 (invalid payload data)")
	})
}

func TestSubprotocol(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		d := websocket.Dialer{NetDialContext: w.dial, Subprotocols: []string{"one", "two"}}
		conn, _, err := d.Dial("ws://x/?transport=websocket&EIO=4", nil)
		if err != nil || conn.Subprotocol() != "one" {
			t.Errorf("%v %v", err, conn)
		}
		conn.Close()
	})
}

func TestCloseOfWebSocket(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		c := w.ws("EIO=4")
		c.wantOpen()
		s := w.last().session
		for range 3 {
			s.Send(text("bye"))
		}
		s.Close("kicked")
		if s.Send(text("late")) {
			t.Error("sent after the end")
		}
		c.want("4bye", "4bye", "4bye", closedWithout)
		w.wantEnd("kicked")
		if got, want := w.server.Stats().Closed["other"], uint64(1); got != want {
			t.Errorf("%d closed", got)
		}
	})
}

func TestClosedWhileAccepted(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		w.accept = func(p *peer) error {
			p.session.Send(text("no"))
			p.session.Close("not you")
			return nil
		}
		c := w.ws("EIO=4")
		c.wantOpen()
		c.want("4no", closedWithout)
		w.wantEnd("not you")
		q := w.open("EIO=4")
		w.want("GET", q, "", 200, "1")
		w.wantEnd("not you")
	})
}

func TestHold(t *testing.T) {
	bubble(t, config(), func(t *testing.T, w *world) {
		w.hold = true
		c := w.ws("EIO=4")
		c.wantOpen()
		c.send("4a")
		c.want("4a")
		c.Close()
		w.wantEnd("transport close")
	})
}
