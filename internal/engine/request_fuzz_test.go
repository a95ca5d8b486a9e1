package engine_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// FuzzRequest sends a request with any method, query, header and body, and bytes behind it. The
// response is HTTP with a status of Engine.IO, refusals are its JSON, and closing the connection
// leaves no session.
func FuzzRequest(f *testing.F) {
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for _, seed := range []struct{ method, query, header, body string }{
		{"GET", "EIO=4&transport=polling", "", ""},
		{"GET", "EIO=3&transport=polling&j=0&b64=1&t=x", "Origin: http://x\r\n", ""},
		{"POST", "EIO=4&transport=polling", "Content-Type: text/plain\r\n", "40"},
		{"POST", "EIO=4&transport=polling&sid=x", "Content-Type: application/octet-stream\r\n", "\x00\x01\xff4"},
		{"GET", "EIO=4&transport=websocket", upgrade, clientFrame(0x81, "40")},
		{"GET", "EIO=3&transport=websocket&b64=true", upgrade + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"9\", x\r\n", ""},
		{"GET", "EIO=4&transport=websocket", upgrade + "Sec-WebSocket-Protocol: a, b\r\nOrigin: null\r\nCookie: io=1; io=2\r\n", ""},
		{"OPTIONS", "", "Access-Control-Request-Method: POST\r\nOrigin: https://app.example.com\r\n", ""},
		{"GET", "EIO=4&EIO=3&transport=polling&transport=websocket", "Upgrade: h2c, websocket\r\nConnection: keep-alive, upgrade\r\n", ""},
		{"PUT", "%zz;a=b&transport=%77ebsocket", "Accept-Encoding: gzip;q=0, *\r\n", ""},
		{"DELETE", "EIO=999999999999999999999", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"},
	} {
		f.Add(seed.method, seed.query, seed.header, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, query, header, body string) {
		if len(header)+len(body) > 10_000 {
			return
		}
		config := testConfig()
		config.Compression = true
		runInBubble(t, config, func(t *testing.T, w *testServer) {
			c, err := w.dial(t.Context(), "tcp", w.url)
			if err != nil {
				t.Fatal(err)
			}
			go func() { // the server may close before it has read all
				fmt.Fprintf(c, "%s /socket.io/?%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", method, query, header, len(body), body)
			}()
			read := make(chan string)
			go func() {
				text, _ := io.ReadAll(c)
				read <- string(text)
			}()
			synctest.Wait()
			c.Close()
			checkResponse(t, <-read)
		})
	})
}

// checkResponse checks the first response of a connection, if there is one.
func checkResponse(t *testing.T, text string) {
	t.Helper()
	if text == "" {
		return // net/http waits for the rest of the request, or a poll for a message
	}
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), nil)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body) // a WebSocket's has frames
	switch resp.StatusCode {
	case 101, 200, 204:
	case 400, 403, 405, 413, 417, 429, 431, 500, 501, 503, 505:
		var refusal struct {
			Code    *int
			Message string
		}
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") && (json.Unmarshal(body, &refusal) != nil || refusal.Code == nil || refusal.Message == "") {
			t.Errorf("%s with %q", resp.Status, body)
		}
		if resp.StatusCode == 500 {
			t.Errorf("%s with %q", resp.Status, body)
		}
	default:
		t.Errorf("status %s", resp.Status)
	}
}
