package hostile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// byHand starts a request on a connection of its own. The caller writes the body.
func (c *pollingClient) byHand(method, headers string) net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.p.address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(maxWait))
	_, _ = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, c.target, c.p.address, headers)
	return conn
}

func TestBodies(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 150<<20)
	const limit = 1_000_000
	const before, after = `42["unknown","`, `"]`
	largest := before + strings.Repeat("x", limit-len(before)-len(after)) + after
	c := sharedProcess.pollingMember(t, "/socket.io/")
	c.wantPost(largest, 200, "ok")
	// The server may close the connection before it has received too large a body.
	if a, err := sharedProcess.sendRequest(t.Context(), "POST", c.target, strings.NewReader(largest+" ")); err == nil && a.status != 413 {
		t.Errorf("one byte too many: got %d", a.status)
	}
	c.wantAlive() // only the request fails

	chunked := io.MultiReader(strings.NewReader(largest), strings.NewReader(" "))
	if a, err := sharedProcess.sendRequest(t.Context(), "POST", c.target, chunked); err == nil && a.status != 413 {
		t.Errorf("without a length: got %d", a.status)
	}
	c.wantAlive()

	huge := c.byHand("POST", "Content-Length: 1000000000000\r\n")
	if answer, _ := io.ReadAll(huge); !bytes.HasPrefix(answer, []byte("HTTP/1.1 413")) {
		t.Errorf("a body of 1 TB: got %.60q", answer)
	}
	endless := c.byHand("POST", "Transfer-Encoding: chunked\r\n")
	chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
	for range 10_000 { // 640 MB
		if _, err := io.WriteString(endless, chunk); err != nil {
			break // the server has closed the connection
		}
	}
	c.wantAlive()
}

// TestBodyEncodings posts a gzip bomb, which the server must not decode, and a binary body,
// which revision 4 does not have.
func TestBodyEncodings(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 100<<20)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 16<<20))
	_ = z.Close()
	zipped := sharedProcess.pollingMember(t, "/socket.io/")
	zipped.postPayload(bomb.String(), "Content-Encoding", "gzip")
	zipped.wantGone()

	// The response must neither wait for a body that never arrives, nor leave the connection
	// open for it.
	octets := sharedProcess.pollingMember(t, "/socket.io/")
	conn := octets.byHand("POST", "Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n")
	if answer, err := io.ReadAll(conn); !bytes.HasPrefix(answer, []byte("HTTP/1.1 400")) || err != nil {
		t.Errorf("got %.60q, %v", answer, err)
	}
	octets.wantGone()
}

func TestMethods(t *testing.T) {
	sharedProcess.startObserver(t)
	c := sharedProcess.pollingMember(t, "/socket.io/")
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "X"} {
		if a := sharedProcess.mustSendRequest(t, method, c.target, "42[]"); a.status != 405 {
			t.Errorf("%s: got %d", method, a.status)
		}
	}
	c.wantAlive()
}

// TestPayloads posts invalid payloads and payloads of too many packets.
func TestPayloads(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 200<<20)
	for name, test := range map[string]struct{ eio, body string }{
		"nothing":                   {"4", ""},
		"letters":                   {"4", "abc"},
		"type 7":                    {"4", "7"},
		"separators":                {"4", strings.Repeat("\x1e", 1_000_000)},
		"a separator at the end":    {"4", "6\x1e"},
		"nonsense as base64":        {"4", "b***"},
		"base64 without an event":   {"4", strings.Repeat("bYQ==\x1e", 100_000) + "6"},
		"JSONP without a form":      {"4&j=0", "d=7"},
		"3: nothing":                {"3", ""},
		"3: no length":              {"3", ":4"},
		"3: only a length":          {"3", "5"},
		"3: a negative length":      {"3", "-1:4"},
		"3: a length with a sign":   {"3", "+1:6"},
		"3: a hexadecimal length":   {"3", "0x1:6"},
		"3: a fractional length":    {"3", "1.0:6"},
		"3: an exponent":            {"3", "1e0:6"},
		"3: a length of 999999999":  {"3", "999999999:4"},
		"3: a length of 20 digits":  {"3", "99999999999999999999:4"},
		"3: a length of 1 MB":       {"3", strings.Repeat("1", 999_000)},
		"3: one unit too many":      {"3", "4:4€"},
		"3: one unit too few":       {"3", "2:4😀"},
		"3: bytes after the end":    {"3", "1:6x"},
		"3: nonsense as base64":     {"3", "6:b4***!"},
		"3: base64 of another type": {"3", "4:b9YQ"},
		"3: packets of revision 4":  {"3", "6\x1e6"},
	} {
		t.Run(name, func(t *testing.T) {
			c := sharedProcess.openPoller(t, "/socket.io/", "EIO="+test.eio)
			c.postPayload(test.body)
			c.wantGone()
		})
	}
	for name, body := range map[string]string{
		"no first ff":     "\x00\x0142",
		"a digit of 200":  "\x00\xc8\xff4",
		"400 digits":      "\x00" + strings.Repeat("\x01", 400) + "\xff4",
		"beyond the end":  "\x00\x09\x09\x09\xff4",
		"trailing bytes":  "\x00\x01\xff6\x00",
		"another type":    "\x01\x01\xff\x09",
		"an unknown kind": "\x07\x01\xff6",
	} {
		t.Run("3: binary: "+name, func(t *testing.T) {
			c := sharedProcess.openPoller(t, "/socket.io/", "EIO=3")
			c.postPayload(body, "Content-Type", "application/octet-stream")
			c.wantGone()
		})
	}
}

// TestManyPackets posts as many packets as fit into a body.
func TestManyPackets(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 200<<20)
	for _, packet := range []string{"3", "6", `42["unknown"]`, `431[]`} {
		t.Run("4: "+packet, func(t *testing.T) {
			t.Parallel()
			c := sharedProcess.pollingMember(t, "/socket.io/")
			c.wantPost(strings.Repeat(packet+"\x1e", 999_000/(len(packet)+1))+"6", 200, "ok")
			c.wantAlive()
		})
	}
	for _, packet := range []string{"1:6", "1:3", `13:42["unknown"]`, "0:"} {
		t.Run("3: "+packet, func(t *testing.T) {
			t.Parallel()
			c := sharedProcess.openPoller(t, "/socket.io/", "EIO=3")
			a := c.postPayload(strings.Repeat(packet, 999_000/len(packet)))
			if packet == "0:" {
				c.wantGone()
			} else if a.status != 200 {
				t.Errorf("got %d", a.status)
			}
		})
	}
	// Packets after a close packet are ignored.
	closing := sharedProcess.pollingMember(t, "/socket.io/")
	closing.wantPost("1\x1e"+`42["join","x"]`, 200, "ok")
	closing.wantGone()
}

// TestOverlaps makes two polls or two POSTs of a session at once. Only one of each is allowed.
func TestOverlaps(t *testing.T) {
	sharedProcess.startObserver(t)
	t.Run("polls", func(t *testing.T) {
		c := sharedProcess.openPoller(t, "/socket.io/", "EIO=4")
		type result struct {
			response
			err error
		}
		results := make(chan result, 2)
		ctx, cancel := context.WithTimeout(t.Context(), maxWait)
		defer cancel()
		for range 2 {
			go func() {
				a, err := sharedProcess.sendRequest(ctx, "GET", c.target, nil)
				results <- result{a, err}
			}()
		}
		a, b := <-results, <-results
		if a.err != nil || b.err != nil {
			t.Fatal(a.err, b.err)
		}
		if a.status+b.status != 600 || a.body+b.body != "1" {
			t.Errorf("got %d %q and %d %q", a.status, a.body, b.status, b.body)
		}
		c.wantGone()
	})
	t.Run("uploads", func(t *testing.T) {
		c := sharedProcess.pollingMember(t, "/socket.io/")
		first := c.byHand("POST", "Content-Length: 1000\r\n")
		_, _ = io.WriteString(first, "4")
		// Once a second POST closes the session, the first one has arrived.
		for a := c.postPayload("6"); a.status == 200; a = c.postPayload("6") {
		}
		c.wantGone()
		if _, err := io.ReadAll(first); err != nil {
			t.Errorf("the first one: %v", err)
		}
	})
}

// TestAborts breaks off polls and POSTs.
func TestAborts(t *testing.T) {
	sharedProcess.startObserver(t)
	goroutines := sharedProcess.readMetric(t, "go_goroutines", "")
	for i := range 20 {
		c := sharedProcess.openPoller(t, "/socket.io/", "EIO=4") // a client in no room has nothing to poll, so its poll waits
		c.byHand("GET", "").Close()
		checkSessionIsGone(t, c)

		c = sharedProcess.pollingMember(t, "/socket.io/")
		half := c.byHand("POST", "Content-Length: 1000\r\nExpect: 100-continue\r\n")
		if _, err := io.ReadFull(half, make([]byte, len("HTTP/1.1 100"))); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(half, `42["echo"`[:i%9])
		if i%2 == 0 { // with a RST
			_ = half.(*net.TCPConn).SetLinger(0)
		}
		half.Close()
		checkSessionIsGone(t, c)
	}
	sharedProcess.awaitMetricAtMost(t, "go_goroutines", "", goroutines+20)
}

// checkSessionIsGone waits until a session is closed. Its requests never wait.
func checkSessionIsGone(t *testing.T, c *pollingClient) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxWait)
	defer cancel()
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	for {
		// The request has the wrong revision, which an open session refuses.
		a := sharedProcess.mustSendRequest(t, "GET", strings.Replace(c.target, "EIO=4", "EIO=3", 1), "")
		if a.body == unknownSession {
			return
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			t.Fatalf("the session is still open: %d %s", a.status, a.body)
		}
	}
}
