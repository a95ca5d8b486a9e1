package engine_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/gorilla/websocket"
)

func TestRefusals(t *testing.T) {
	const (
		transport = `{"code":0,"message":"Transport unknown"}`
		session   = `{"code":1,"message":"Session ID unknown"}`
		method    = `{"code":2,"message":"Bad handshake method"}`
		request   = `{"code":3,"message":"Bad request"}`
		version   = `{"code":5,"message":"Unsupported protocol version"}`
	)
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		v3, v4 := w.openPolling("EIO=3"), w.openPolling("EIO=4")
		sid := v4[strings.LastIndex(v4, "=")+1:]
		for _, c := range []struct {
			name, method, query string
			status              int
			answer              string
		}{
			{"no transport", "GET", "EIO=4", 400, transport},
			{"no transport wins over version", "GET", "EIO=9", 400, transport},
			{"unknown transport", "GET", "EIO=4&transport=foo", 400, transport},
			{"prototype", "GET", "EIO=4&transport=__proto__", 400, transport},
			{"constructor", "GET", "EIO=4&transport=constructor", 400, transport},
			{"webtransport", "GET", "EIO=4&transport=webtransport", 400, transport},
			{"the last of two counts", "GET", "EIO=4&transport=polling&transport=x", 400, transport},
			{"unknown session", "GET", "EIO=4&transport=polling&sid=abc", 400, session},
			{"session prototype", "POST", "EIO=4&transport=polling&sid=__proto__", 400, session},
			{"post handshake", "POST", "EIO=4&transport=polling", 400, method},
			{"put handshake", "PUT", "EIO=4&transport=polling", 400, method},
			{"options without origin", "OPTIONS", "EIO=4&transport=polling", 400, method},
			{"websocket without upgrade", "GET", "EIO=4&transport=websocket", 400, request},
			{"session on another transport", "GET", "EIO=4&transport=websocket&sid=" + sid, 400, request},
			{"another revision", "GET", strings.Replace(v4, "EIO=4", "EIO=3", 1), 400, request},
			{"another revision, V3", "POST", strings.Replace(v3, "EIO=3", "EIO=4", 1), 400, request},
			{"revision 5", "GET", "EIO=5&transport=polling", 400, version},
			{"revision 04", "GET", "EIO=04&transport=polling", 400, version},
			{"revision abc", "GET", "EIO=abc&transport=polling", 400, version},
			{"no revision with a session", "GET", "transport=polling&sid=" + sid, 400, request},
			{"revision 2 with a session", "GET", "EIO=2&transport=polling&sid=" + sid, 400, request},
			{"put with a session", "PUT", v4, 405, ""},
			{"long index", "GET", "EIO=4&transport=polling&j=" + strings.Repeat("1", 1000), 400, request},
		} {
			status, answer, header := w.request(c.method, c.query, "")
			if status != c.status || answer != c.answer {
				t.Errorf("%s: got %d %q, want %d %q", c.name, status, answer, c.status, c.answer)
			}
			if kind := header.Get("Content-Type"); c.answer != "" && kind != "application/json" {
				t.Errorf("%s: content type %q", c.name, kind)
			}
		}
	})
}

// TestOldRevisions has clients that send no revision, or one before 3.
func TestOldRevisions(t *testing.T) {
	for _, revision := range []string{"", "EIO=&", "EIO=1&", "EIO=2&", "EIO=4&EIO=3&", "EIO=4&EIO=&"} {
		runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
			q := w.openPolling(revision)
			if v := w.lastReceiver().session.Version(); v != eio.V3 {
				t.Errorf("%q is revision %v", revision, v)
			}
			w.wantResponse("POST", q, "2:4a", 200, "ok")
			w.wantResponse("GET", q, "", 200, "2:4a")
			w.wantResponse("GET", strings.Replace(q, revision, "EIO=4&", 1), "", 400, `{"code":3,"message":"Bad request"}`)
			c := w.dialWebSocket(revision + "sid=" + w.lastReceiver().session.ID())
			c.sendText("2probe")
			c.wantMessages("3probe")
			c.sendText("5")
			c.sendText("4b")
			c.wantMessages("4b")
		})
		c := testConfig()
		c.V3 = false
		runInBubble(t, c, func(t *testing.T, w *testServer) {
			w.wantResponse("GET", revision+"transport=polling", "", 400, `{"code":5,"message":"Unsupported protocol version"}`)
		})
	}
}

// TestLongHandshakes sends handshakes that are too long to be kept.
func TestLongHandshakes(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		const query = "EIO=4&transport=polling"
		for _, c := range []struct {
			query, header string
			status        int
		}{
			{query, strings.Repeat("x", 60<<10), 200},
			{query, strings.Repeat("x", 65<<10), 431},
			{query + "&x=" + strings.Repeat("x", 60<<10), "", 200},
			{query + "&x=" + strings.Repeat("x", 65<<10), "", 431},
		} {
			if status, body, _ := w.request("GET", c.query, "", "X-Long", c.header); status != c.status {
				t.Errorf("got %d %.100s, want %d", status, body, c.status)
			}
		}
		// Later requests of a session are not kept.
		q := w.openPolling("EIO=4")
		if status, body, _ := w.request("POST", q, "4a", "X-Long", strings.Repeat("x", 65<<10)); status != 200 {
			t.Errorf("got %d %s", status, body)
		}
	})
}

func TestWebSocketRefusals(t *testing.T) {
	c := testConfig()
	c.V3 = false
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		w.openPolling("EIO=4")
		for _, c := range []struct {
			query, header, value string
			status               int
			answer               string
		}{
			{"EIO=4&transport=polling", "", "", 400, "Bad request"},
			{"EIO=3&transport=websocket", "", "", 400, "Unsupported protocol version"},
			{"EIO=4&transport=__proto__", "", "", 400, "Transport unknown"},
			{"EIO=4&transport=websocket&sid=nobody", "", "", 400, "Session ID unknown"},
			{"EIO=3&transport=websocket&sid=" + w.lastReceiver().session.ID(), "", "", 400, "Bad request"},
			{"EIO=4&transport=websocket", "Sec-WebSocket-Key", "short", 400, "Missing or invalid Sec-WebSocket-Key header"},
			{"EIO=4&transport=websocket", "Sec-WebSocket-Version", "12", 400, "Missing or invalid Sec-WebSocket-Version header"},
		} {
			header := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
			if c.header != "" {
				header = append(header, c.header, c.value)
			}
			status, answer, h := w.request("GET", c.query, "", header...)
			if status != c.status || answer != c.answer || h.Get("Content-Type") != "text/html" {
				t.Errorf("%s %s: got %d %q %v", c.query, c.value, status, answer, h)
			}
		}
	})
}

func TestOpenPackets(t *testing.T) {
	c := testConfig()
	c.Cookie = "io"
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		w.accept = func(p *testReceiver) error {
			if strings.Contains(p.session.Handshake().URL, "greet") {
				p.session.Send(newText("hi"))
			}
			return nil
		}
		for _, c := range []struct{ query, want string }{
			{"EIO=4", `0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
			{"EIO=4&greet=1", `0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}` + "\x1e4hi"},
			{"EIO=3", `97:0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`},
			{"EIO=3&greet=1", `97:0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}3:4hi`},
			{"EIO=3&b64=1&j=0", `___eio[0]("97:0{\"sid\":\"SID\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000}");`},
			{"EIO=4&j=1a-2<script>", `___eio[12]("0{\"sid\":\"SID\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");`},
		} {
			status, body, header := w.request("GET", c.query+"&transport=polling", "")
			sid := w.lastReceiver().session.ID()
			if len(sid) != 20 {
				t.Errorf("sid %q", sid)
			}
			if body = strings.Replace(body, sid, "SID", 1); status != 200 || body != c.want {
				t.Errorf("%s: got %d %s, want %s", c.query, status, body, c.want)
			}
			if got := header.Get("Set-Cookie"); got != "io="+sid+"; Path=/; HttpOnly; SameSite=Lax" {
				t.Errorf("cookie %q", got)
			}
			if header.Get("Cache-Control") != "no-store" {
				t.Error("may be stored")
			}
		}
		ws := w.dialWebSocket("EIO=4")
		ws.wantMessages(`0{"sid":"` + w.lastReceiver().session.ID() + `","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	})
}

func TestOriginsAreChecked(t *testing.T) {
	c := testConfig()
	c.AllowOrigin = func(origin string, r *http.Request) bool { return origin == "https://good.example" }
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		const handshake = "EIO=4&transport=polling"
		_, _, h := w.request("GET", handshake, "", "Origin", "https://good.example")
		if h.Get("Access-Control-Allow-Origin") != "https://good.example" || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
			t.Errorf("headers %v", h)
		}
		status, _, h := w.request("OPTIONS", handshake, "", "Origin", "https://good.example",
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-custom")
		if status != 204 || h.Get("Access-Control-Allow-Headers") != "x-custom" || h.Get("Access-Control-Allow-Methods") != "GET, POST" {
			t.Errorf("preflight: %d %v", status, h)
		}
		for _, c := range []struct {
			method, query, header, value string
			status                       int
		}{
			{"GET", handshake, "X-None", "", 200},
			{"GET", handshake, "Origin", "null", 403},
			{"GET", handshake, "Origin", "Null", 403},
			{"GET", handshake, "Origin", "null null", 403},
			{"GET", handshake, "Origin", "file://", 403},
			{"GET", handshake, "Origin", "h:8080", 403},
			{"GET", handshake, "Origin", "*", 200},
			{"GET", handshake, "Origin", "h", 200},
			{"GET", handshake, "Origin", "", 200},
			{"GET", handshake + "&j=0", "Origin", "*", 200},
			{"GET", handshake, "Origin", "https://good.example.evil.io", 403},
			{"POST", handshake + "&sid=x", "Origin", "https://evil.example", 403},
			{"OPTIONS", handshake, "Origin", "https://evil.example", 403},
			{"GET", handshake + "&j=0", "Referer", "https://evil.example/page", 403},
			{"GET", handshake + "&j=0", "Referer", "https://good.example/page", 200},
			{"GET", handshake + "&j=0", "Sec-Fetch-Site", "cross-site", 403},
			{"GET", handshake + "&j=0", "Sec-Fetch-Site", "same-origin", 200},
			{"GET", handshake + "&j=0", "Sec-Fetch-Site", "none", 200},
			{"GET", handshake + "&j=0", "X-None", "", 403}, // a page can suppress the Referer
		} {
			status, body, h := w.request(c.method, c.query, "", c.header, c.value)
			if status != c.status {
				t.Errorf("%s %s %s: %d %s", c.method, c.header, c.value, status, body)
			}
			if status == 403 && h.Get("Access-Control-Allow-Origin") != "" {
				t.Error("CORS headers for a foreign page")
			}
		}
		if _, _, h := w.request("GET", handshake, "", "Origin", "*"); h.Get("Access-Control-Allow-Origin") != "" {
			t.Error("CORS headers for a value that is no origin")
		}
		d := websocket.Dialer{NetDialContext: w.dial}
		if _, resp, err := d.Dial("ws://x/?EIO=4&transport=websocket", http.Header{"Origin": {"https://evil.example"}}); err == nil || resp.StatusCode != 403 {
			t.Errorf("a foreign WebSocket got %v", resp)
		}
	})
}

func TestFullRouteRefuses(t *testing.T) {
	c := testConfig()
	c.MaxConnections = 2
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		w.openPolling("EIO=4")
		ws := w.dialWebSocket("EIO=4")
		status, body, _ := w.request("GET", "EIO=4&transport=polling", "")
		if status != 503 || body != `{"code":4,"message":"Service unavailable"}` {
			t.Errorf("got %d %s", status, body)
		}
		ws.Close()
		w.wantCloseReason("transport close")
		w.openPolling("EIO=4")
		w.accept = func(*testReceiver) error { return errors.New("no") }
		c.MaxConnections = 0
		w.route.SetConfig(c)
		if status, _, _ := w.request("GET", "EIO=4&transport=polling", ""); status != 503 {
			t.Errorf("got %d", status)
		}
		if s := w.server.Stats(); s.Polling != 2 || s.WebSocket != 0 || s.Unjoined != 2 || s.Refused[503] != 2 || s.Opened != 3 ||
			s.Overloaded["connections"] != 1 || s.Overloaded["closed"] != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestSlowAcceptRefusesNoClient(t *testing.T) {
	c := testConfig()
	runInBubble(t, c, func(t *testing.T, w *testServer) {
		w.accept = func(*testReceiver) error {
			time.Sleep(2 * (c.PingInterval + c.PingTimeout))
			return nil
		}
		w.openPolling("EIO=3")
		w.openPolling("EIO=4")
		w.dialWebSocket("EIO=4").wantOpenPacket()
	})
}

func TestMaxUnjoinedRefuses(t *testing.T) {
	w := newTestServer(t, testConfig(), engine.Options{MaxUnjoined: 1})
	serveTCP(t, w)
	w.openPolling("EIO=4")
	if status, _, _ := w.request("GET", "EIO=4&transport=polling", ""); status != 503 {
		t.Errorf("got %d", status)
	}
	w.lastReceiver().session.MarkJoined()
	w.lastReceiver().session.MarkJoined()
	w.openPolling("EIO=4")
	w.lastReceiver().session.Close("x")
	w.openPolling("EIO=4")
}

func TestHandshakeIsKept(t *testing.T) {
	runInBubble(t, testConfig(), func(t *testing.T, w *testServer) {
		w.request("GET", "EIO=4&transport=polling&a=1&a=2", "", "Cookie", "k=v")
		h := w.lastReceiver().session.Handshake()
		if h.Header.Get("Cookie") != "k=v" || len(h.Query()["a"]) != 2 || h.Address != "192.0.2.1" || h.URL != "/socket.io/?EIO=4&transport=polling&a=1&a=2" {
			t.Errorf("%+v", h)
		}
		c := w.dialWebSocket("EIO=3")
		c.wantOpenPacket()
		for name := range w.lastReceiver().session.Handshake().Header {
			if strings.HasPrefix(name, "Sec-Websocket") || name == "Upgrade" || name == "Connection" {
				t.Errorf("kept %s", name)
			}
		}
	})
}
