package hostile_test

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBodiesThatStall makes requests whose bodies never arrive or never end. The server
// responds at once to a request that needs no body, and closes the connection.
func TestBodiesThatStall(t *testing.T) {
	sharedProcess.startObserver(t)
	const handshake, polling = "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=polling&sid="
	const length, chunked = "Content-Length: 10\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	joining := func() string { // the connect packet is queued, so a poll returns at once
		c := sharedProcess.openPoller(t, "/socket.io/", "EIO=4")
		c.wantPost("40", 200, "ok")
		return polling + c.sid
	}
	answered := make(map[string]io.Reader)
	for name, test := range map[string]struct {
		method, target, header string
		status                 int
	}{
		"a handshake":                    {"GET", handshake, length, 200},
		"half of a handshake":            {"GET", handshake, length + "hell", 200},
		"a chunked handshake":            {"GET", handshake, chunked, 200},
		"a large handshake":              {"GET", handshake, "Content-Length: 1000000000\r\n\r\n", 200},
		"a handshake with Expect":        {"GET", handshake, "Expect: 100-continue\r\n" + length, 200},
		"a handshake that closes":        {"GET", handshake, "Connection: close\r\n" + length, 200},
		"an old handshake":               {"GET", "/socket.io/?transport=polling&j=0", "Referer: https://app.example.com/\r\n" + length, 200},
		"a poll":                         {"GET", joining(), length, 200},
		"a chunked poll":                 {"GET", joining(), chunked, 200},
		"a post without a session":       {"POST", handshake, length, 400},
		"a chunked post":                 {"POST", handshake, chunked, 400},
		"a post with Expect":             {"POST", handshake, "Expect: 100-continue\r\n" + length, 400},
		"a post to an unknown session":   {"POST", polling + "x", length, 400},
		"a poll of an unknown session":   {"GET", polling + "x", length, 400},
		"an unknown transport":           {"POST", "/socket.io/?EIO=4", length, 400},
		"a preflight":                    {"OPTIONS", handshake, "Origin: https://app.example.com\r\n" + length, 204},
		"options":                        {"OPTIONS", handshake, length, 400},
		"a foreign page":                 {"POST", joining(), "Origin: https://evil.io\r\n" + length, 403},
		"another method":                 {"PUT", joining(), chunked, 405},
		"a post of another type":         {"POST", joining(), "Content-Type: application/octet-stream\r\n" + length, 400},
		"a large post":                   {"POST", joining(), "Content-Length: 1000001\r\n\r\n", 413},
		"a large chunked post":           {"POST", joining(), "Transfer-Encoding: chunked\r\n\r\nF4241\r\n" + strings.Repeat("6", 1_000_001), 413},
		"an upgrade":                     {"GET", "/socket.io/?EIO=4&transport=websocket", "Connection: Upgrade\r\nUpgrade: websocket\r\n" + length, 400},
		"an upgrade with chunks":         {"GET", "/socket.io/?EIO=4&transport=websocket", "Connection: Upgrade\r\nUpgrade: websocket\r\n" + chunked, 400},
		"an upgrade of a missing method": {"POST", "/socket.io/?EIO=4&transport=websocket", "Connection: Upgrade\r\nUpgrade: websocket\r\n" + length, 400},
	} {
		for _, version := range []string{"1.1", "1.0"} {
			if version == "1.0" && strings.Contains(test.header, "chunked") {
				continue // HTTP/1.0 has no chunks
			}
			target := test.target
			if sid := strings.TrimPrefix(target, polling); version == "1.0" && len(sid) == 20 {
				target = joining() // HTTP/1.1 has used the first session
			}
			conn := dialTCP(t, nil)
			r := bufio.NewReader(conn)
			answered[name+", HTTP/"+version] = r
			t.Run(name+", HTTP/"+version, func(t *testing.T) {
				_, _ = fmt.Fprintf(conn, "%s %s HTTP/%s\r\nHost: %s\r\n%s", test.method, target, version, sharedProcess.address, test.header)
				resp, err := http.ReadResponse(r, &http.Request{Method: test.method})
				if err != nil {
					t.Fatal(err)
				}
				if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != test.status {
					t.Errorf("got %d %s, %v, want %d", resp.StatusCode, body, err, test.status)
				}
			})
		}
	}
	for name, r := range answered { // the server waits for the rest of all bodies at once
		if e, ok := awaitEnd(r).(net.Error); ok && e.Timeout() {
			t.Errorf("%s: the connection is still open", name)
		}
	}
}

// awaitEnd reads until the connection closes.
func awaitEnd(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// dialTCP opens a connection and closes it when the test ends.
func dialTCP(t *testing.T, control func(network, address string, c syscall.RawConn) error) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Control: control}).Dial("tcp", sharedProcess.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(maxWait))
	return conn
}

// shrinkBuffers makes the receive buffer of a connection small, so that the server can't leave
// a large response to buffers.
func shrinkBuffers(_, _ string, c syscall.RawConn) (err error) {
	e := c.Control(func(fd uintptr) {
		if err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10); err == nil {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 500)
		}
	})
	return errors.Join(e, err)
}

// countInFlight returns the number of HTTP requests in progress, the one for the metrics
// included.
func (p *process) countInFlight(t *testing.T) float64 {
	return p.readMetric(t, "caddy_http_requests_in_flight", "")
}

// largeEcho returns the packets of an event with a large acknowledgement that does not compress.
func largeEcho(binary bool) []string {
	random := make([]byte, 680_000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	text := base64.StdEncoding.EncodeToString(random)
	if binary {
		return []string{`451-0["echo",{"_placeholder":true,"num":0}]`, "b4" + text}
	}
	return []string{`420["echo","` + text + `"]`}
}

// TestUnreadPollResponses makes polls and does not read the responses. The polls end when their
// sessions close.
func TestUnreadPollResponses(t *testing.T) {
	sharedProcess.startObserver(t)
	for name, test := range map[string]struct{ path, query, header string }{
		"4":         {"/socket.io/", "EIO=4", ""},
		"4, JSONP":  {"/socket.io/", "EIO=4&j=0", ""},
		"4, gzip":   {"/packed/", "EIO=4", "Accept-Encoding: gzip\r\n"},
		"3":         {"/socket.io/", "EIO=3&b64=1", ""},
		"3, JSONP":  {"/socket.io/", "EIO=3&j=0", ""},
		"3, binary": {"/socket.io/", "EIO=3", ""},
	} {
		t.Run(name, func(t *testing.T) {
			old, jsonp := strings.Contains(test.query, "EIO=3"), strings.Contains(test.query, "j=")
			before := sharedProcess.countInFlight(t)
			for _, end := range []string{"1", "9"} { // a close packet and an invalid packet
				c := sharedProcess.openPoller(t, test.path, test.query)
				if !old {
					c.wantPost(buildPayload([]string{"40"}, old, jsonp), 200, "ok")
				}
				c.getPayload() // the connect packet
				for range 2 {  // nearly fills the queue of a client
					c.wantPost(buildPayload(largeEcho(name == "3, binary"), old, jsonp), 200, "ok")
				}
				conn := dialTCP(t, shrinkBuffers)
				_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", c.target, sharedProcess.address, test.header)
				if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 200"))); err != nil {
					t.Fatal(err) // the server has begun to write the response
				}
				c.postPayload(buildPayload([]string{end}, old, jsonp))
				sharedProcess.awaitMetricAtMost(t, "caddy_http_requests_in_flight", "", before)
			}
		})
	}
}
