package hostile_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// tryUpgrade requests a WebSocket and returns the response.
func (p *process) tryUpgrade(t *testing.T, target, header string) response {
	t.Helper()
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(maxWait))
	if _, err := io.WriteString(c, upgradeRequest(target, header)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("upgrade %.100s: %v", target, err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return response{resp.StatusCode, "", resp.Header}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp.StatusCode, string(body), resp.Header}
}

func TestOrigins(t *testing.T) {
	sharedProcess.startObserver(t)
	for origin, good := range map[string]bool{
		"https://app.example.com":                   true,
		"http://" + sharedProcess.address:           true, // the site itself
		"http://app.example.com":                    false,
		"https://app.example.com.evil.io":           false,
		"https://evilapp.example.com":               false,
		"https://app.example.com:8443":              false,
		"https://app.example.com:443":               false, // no browser sends it
		"https://app.example.com/":                  false,
		"https://app.example.com@evil.io":           false,
		"https://evil.io/app.example.com":           false,
		"https://evil.io":                           false,
		"null":                                      false,
		"file://":                                   false,
		"ws://" + sharedProcess.address:             true,
		"wss://" + sharedProcess.address:            true,
		"wss://evil.io":                             false,
		"null null":                                 false,
		"Null":                                      false,
		"foo://" + sharedProcess.address:            false,
		"http://x@" + sharedProcess.address:         false,
		"http://" + sharedProcess.address + ".evil": false,
	} {
		t.Run(origin, func(t *testing.T) { checkOrigin(t, origin, good) })
	}
}

func checkOrigin(t *testing.T, origin string, good bool) {
	status, upgraded, preflight, allowed := 403, 403, 403, ""
	if good {
		status, upgraded, preflight, allowed = 200, 101, 204, origin
	}
	session := sharedProcess.openPoller(t, "/socket.io/", "EIO=4")
	for _, is := range []struct {
		of     string
		answer response
		want   int
	}{
		{"GET", sharedProcess.mustSendRequest(t, "GET", "/socket.io/?EIO=4&transport=polling", "", "Origin", origin, "Cookie", "a=b"), status},
		{"POST", session.postPayload("40", "Origin", origin), status},
		{"OPTIONS", sharedProcess.mustSendRequest(t, "OPTIONS", "/socket.io/?EIO=4&transport=polling", "", "Origin", origin,
			"Access-Control-Request-Method", "POST"), preflight},
		{"upgrade", sharedProcess.tryUpgrade(t, "/socket.io/?EIO=4&transport=websocket", "Origin: "+origin+"\r\n"), upgraded},
		{"probe", sharedProcess.tryUpgrade(t, "/socket.io/?EIO=4&transport=websocket&sid="+session.sid, "Origin: "+origin+"\r\n"), upgraded},
	} {
		if is.answer.status != is.want {
			t.Errorf("%s: got %d, want %d", is.of, is.answer.status, is.want)
		}
		if got := is.answer.header.Get("Access-Control-Allow-Origin"); got != allowed {
			t.Errorf("%s: allows %q, want %q", is.of, got, allowed)
		}
		if got := is.answer.header.Get("Access-Control-Allow-Credentials"); (got != "") != good {
			t.Errorf("%s: credentials %q", is.of, got)
		}
	}
	session.wantPost("", 400, "") // the session is open: refused requests do not close it
}

// TestNoOrigins sends values of Origin that no browser sends. The server accepts them as
// requests without an origin, without CORS headers.
func TestNoOrigins(t *testing.T) {
	sharedProcess.startObserver(t)
	for _, origin := range []string{"", "*", "localhost", "?"} {
		got := sharedProcess.mustSendRequest(t, "GET", "/socket.io/?EIO=4&transport=polling", "", "Origin", origin)
		if got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%q: got %d %v", origin, got.status, got.header)
		}
		if got := sharedProcess.tryUpgrade(t, "/socket.io/?EIO=4&transport=websocket", "Origin: "+origin+"\r\n"); got.status != 101 {
			t.Errorf("%q: the upgrade got %d", origin, got.status)
		}
	}
}

func TestBadHandshakes(t *testing.T) {
	sharedProcess.startObserver(t)
	const path = "/socket.io/?"
	codes := []string{"Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden", "Unsupported protocol version"}
	for _, test := range []struct {
		method, query string
		code          int
	}{
		{"GET", "", 0},
		{"GET", "EIO=9", 0},
		{"GET", "EIO=4&transport=", 0},
		{"GET", "EIO=4&transport=foo", 0},
		{"GET", "EIO=4&transport=__proto__", 0},
		{"GET", "EIO=4&transport=constructor", 0},
		{"GET", "EIO=4&transport=webtransport", 0},
		{"GET", "EIO=4&transport[]=polling", 0},
		{"GET", "EIO=4&transport=polling%00", 0},
		{"GET", "EIO=5&transport=polling", 5},
		{"GET", "EIO=99&transport=polling", 5},
		{"GET", "EIO=abc&transport=polling", 5},
		{"GET", "EIO=4.0&transport=polling", 5},
		{"GET", "EIO=__proto__&transport=polling", 5},
		{"GET", "EIO=4&EIO=5&transport=polling", 5},
		{"GET", "EIO=4&transport=websocket", 3},
		{"GET", "EIO=3&transport=polling&j=" + strings.Repeat("1", 9_000), 3},
		{"POST", "EIO=4&transport=polling", 2},
		{"PUT", "EIO=4&transport=polling", 2},
		{"OPTIONS", "EIO=4&transport=polling", 2},
		{"TRACE", "EIO=4&transport=polling", 2},
		{"GET", "EIO=4&transport=polling&sid=x", 1},
		{"POST", "EIO=4&transport=polling&sid=__proto__", 1},
		{"GET", "EIO=4&transport=polling&sid=" + strings.Repeat("x", 9_000), 1},
	} {
		want := fmt.Sprintf(`{"code":%d,"message":"%s"}`, test.code, codes[test.code])
		got := sharedProcess.mustSendRequest(t, test.method, path+test.query, "")
		if got.status != 400 || got.body != want {
			t.Errorf("%s %.80s: got %d %.200s, want %s", test.method, test.query, got.status, got.body, want)
		}
		if test.method != "GET" || test.code == 3 {
			continue
		}
		// An upgrade gets the same error as text.
		got = sharedProcess.tryUpgrade(t, path+strings.Replace(test.query, "=polling", "=websocket", 1), "")
		if got.status != 400 || got.body != codes[test.code] {
			t.Errorf("upgrade %.80s: got %d %.200s, want 400 %s", test.query, got.status, got.body, codes[test.code])
		}
	}
	if got := sharedProcess.tryUpgrade(t, path+"EIO=4&transport=polling", ""); got.status != 400 {
		t.Errorf("upgrade of polling: got %d", got.status)
	}
}

// TestRevisions proves that EIO is read as Node.js reads it. Old clients send no EIO, or 2, and
// speak revision 3.
func TestRevisions(t *testing.T) {
	sharedProcess.startObserver(t)
	for revision, version := range map[string]int{
		"": 3, "EIO=&": 3, "EIO=1&": 3, "EIO=2&": 3, "EIO=3&": 3, "EIO=4&": 4, "EIO=4&EIO=3&": 3, "EIO=3&EIO=4&": 4,
		"EIO=5&": 0, "EIO=4&EIO=5&": 0, "EIO=abc&": 0,
	} {
		begin := map[int]string{0: `{"code":5,"message":"Unsupported protocol version"}`, 3: `97:0{"sid":"`, 4: `0{"sid":"`}
		target := "/socket.io/?" + revision + "transport=polling"
		a := sharedProcess.mustSendRequest(t, "GET", target, "")
		if !strings.HasPrefix(a.body, begin[version]) {
			t.Errorf("%q: got %d %s", revision, a.status, a.body)
		}
		_, sid, _ := strings.Cut(a.body, `"sid":"`)
		if sid, _, _ = strings.Cut(sid, `"`); version == 3 {
			if a := sharedProcess.mustSendRequest(t, "POST", target+"&sid="+sid, `18:420["echo","here"]`); a.status != 200 {
				t.Errorf("%q: POST got %d %s", revision, a.status, a.body)
			}
			if w := sharedProcess.openWebSocket(t, "/socket.io/?"+revision+"transport=websocket"); w.readNext()[:1] != "0" || w.readNext() != "40" {
				t.Errorf("%q: the WebSocket is not one of revision 3", revision)
			}
		}
		only4 := sharedProcess.mustSendRequest(t, "GET", "/four/?"+revision+"transport=polling", "")
		if version != 4 && only4.body != begin[0] || version == 4 && only4.status != 200 {
			t.Errorf("%q with protocols 4: got %d %s", revision, only4.status, only4.body)
		}
	}
}

func TestBadUpgradeHeaders(t *testing.T) {
	sharedProcess.startObserver(t)
	const target = "/socket.io/?EIO=4&transport=websocket"
	for name, test := range map[string]struct {
		header string
		status int
	}{
		"many subprotocols":     {"Sec-WebSocket-Protocol: " + strings.Repeat("a, ", 3_000) + "a\r\n", 101},
		"spaces":                {"Sec-WebSocket-Protocol: a" + strings.Repeat(" ", 9_000) + "b\r\n", 101},
		"endless extension":     {"Sec-WebSocket-Extensions: permessage-deflate; " + strings.Repeat(`a="\`, 2_000) + "\r\n", 101},
		"many extensions":       {"Sec-WebSocket-Extensions: " + strings.Repeat("permessage-deflate, ", 450) + "x\r\n", 101},
		"a header beyond limit": {"X-Long: " + strings.Repeat("a", 2<<20) + "\r\n", 431},
		"a header of 100 KB":    {"X-Long: " + strings.Repeat("a", 100<<10) + "\r\n", 431},
		"many headers":          {strings.Repeat("X-Many: a\r\n", 700), 101},
		"a body":                {"Content-Length: 3\r\n", 400},
		"an endless body":       {"Transfer-Encoding: chunked\r\n", 400},
		"an old version":        {"Sec-WebSocket-Version: 7\r\n", 101}, // besides 13
	} {
		t.Run(name, func(t *testing.T) {
			if got := sharedProcess.upgradeOrReset(t, target, test.header); got != test.status && got != 0 {
				t.Errorf("got %d, want %d", got, test.status)
			}
		})
	}
}

// upgradeOrReset returns the status of the response. It returns 0 if the server closes the
// connection while the request is still being sent.
func (p *process) upgradeOrReset(t *testing.T, target, header string) int {
	t.Helper()
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(maxWait))
	_, _ = io.WriteString(c, upgradeRequest(target, header))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Error("no response")
	}
	if err != nil {
		return 0
	}
	return resp.StatusCode
}
