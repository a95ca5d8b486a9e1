package backend_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// rawUpstream answers each HTTP request with the bytes that answer returns, and hangs up.
func rawUpstream(t *testing.T, answer func() string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(conn, answer())
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// outageReplies are answers that are none, as they come over a connection.
var outageReplies = map[string]string{
	"101":                   "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"101 without upgrade":   "HTTP/1.1 101 Switching Protocols\r\n\r\n",
	"100 and nothing":       "HTTP/1.1 100 Continue\r\n\r\n",
	"103 and nothing":       "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
	"nothing":               "",
	"201":                   "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
	"202":                   "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
	"203":                   "HTTP/1.1 203 Non-Authoritative Information\r\nContent-Length: 2\r\n\r\n{}",
	"205":                   "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
	"206":                   "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/2\r\nContent-Length: 2\r\n\r\n{}",
	"226":                   "HTTP/1.1 226 IM Used\r\nContent-Length: 2\r\n\r\n{}",
	"299":                   "HTTP/1.1 299 Whatever\r\nContent-Length: 2\r\n\r\n{}",
	"300":                   "HTTP/1.1 300 Multiple Choices\r\nContent-Length: 0\r\n\r\n",
	"302":                   "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
	"304":                   "HTTP/1.1 304 Not Modified\r\n\r\n",
	"308":                   "HTTP/1.1 308 Permanent Redirect\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
	"500":                   "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
	"600":                   "HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n",
	"999":                   "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
	"099":                   "HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n",
	"no status":             "HTTP/1.1\r\n\r\n",
	"no HTTP":               "hello\r\n\r\n",
	"cut":                   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
	"cut without a body":    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
	"cut refusal":           "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\n{}",
	"cut chunks":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
	"bad chunks":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n{}\r\n0\r\n\r\n",
	"no gzip":               "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
	"HTML":                  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<p>hello</p>\n",
	"two lengths":           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
	"a huge header":         "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 12<<20) + "\r\nContent-Length: 2\r\n\r\n{}",
	"a huge header of 4xx":  "HTTP/1.1 403 Forbidden\r\nX-A: " + strings.Repeat("x", 12<<20) + "\r\nContent-Length: 2\r\n\r\n{}",
	"many headers":          "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("x", 1000)+"\r\n", 12<<10) + "Content-Length: 2\r\n\r\n{}",
	"a header without end":  "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 1<<20),
	"many informational":    strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100),
	"an informational huge": "HTTP/1.1 103 Early Hints\r\nX-A: " + strings.Repeat("x", 12<<20) + "\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
}

// acceptedReplies are answers that let a client in.
var acceptedReplies = map[string]string{
	"204":            "HTTP/1.1 204 No Content\r\n\r\n",
	"200":            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"200 of PHP":     "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
	"after 100":      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
	"after 103":      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	"trailers":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\n{}\r\n0\r\nX-A: b\r\n\r\n",
	"a large header": "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 1<<20) + "\r\nContent-Length: 2\r\n\r\n{}",
	"until the end":  "HTTP/1.0 200 OK\r\n\r\n{}",
}

func TestBackendAcceptsStatus200And204Only(t *testing.T) {
	var answer atomic.Pointer[string]
	s := sitetest.Serve(t, sitetest.BackendDirective("reverse_proxy "+rawUpstream(t, func() string { return *answer.Load() })+" {\ntransport http {\nkeepalive off\n}\n}"))
	none := acceptedReplies["204"]
	for name, text := range outageReplies {
		t.Run(name, func(t *testing.T) {
			s.T = t
			answer.Store(&text)
			c := s.Dial()
			c.Send("40/app,")
			c.ExpectClosed()
			answer.Store(&none)
			c = s.Connect()
			answer.Store(&text)
			c.Call(`42/app,1["x"]`, `43/app,1[{"error":"service unavailable"}]`)
			answer.Store(&none)
		})
	}
	for name, text := range acceptedReplies {
		t.Run(name, func(t *testing.T) {
			s.T = t
			answer.Store(&text)
			s.Connect()
		})
	}
}

// fastCGI is a response of FastCGI.
func fastCGI(response string) string {
	record := func(kind byte, content string) string {
		return string([]byte{1, kind, 0, 1, byte(len(content) >> 8), byte(len(content)), 0, 0}) + content
	}
	var b strings.Builder
	for len(response) > 0 {
		n := min(len(response), 65_000)
		b.WriteString(record(6, response[:n]))
		response = response[n:]
	}
	return b.String() + record(6, "") + record(3, strings.Repeat("\x00", 8))
}

func TestBackendAcceptsStatus200And204OfPHPOnly(t *testing.T) {
	var answer atomic.Pointer[string]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	drip := "drip"
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 1<<16)); err != nil {
					return
				}
				for text := *answer.Load(); text == drip; { // an answer that never ends
					if _, err := conn.Write([]byte("\x01\x06\x00\x01\x00\x01\x00\x00X")); err != nil {
						return
					}
					select {
					case <-stopped:
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
				_, _ = io.WriteString(conn, *answer.Load())
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	s := sitetest.Serve(t, sitetest.BackendDirective("timeout 1s\nreverse_proxy "+l.Addr().String()+" {\ntransport fastcgi\n}"))
	t.Cleanup(func() { // before Caddy waits for its requests
		close(stopped)
		_ = l.Close()
	})
	none := fastCGI("Status: 204 No Content\r\n\r\n")
	for _, status := range []int{101, 100, 103, 201, 202, 205, 206, 299, 300, 302, 304, 500, 600, 999} {
		text := fastCGI(fmt.Sprintf("Status: %d X\r\nContent-Type: text/html\r\n\r\n{}", status))
		outages := map[string]string{fmt.Sprint(status): text}
		if status == 500 {
			outages["huge"] = fastCGI("Status: 500 X\r\nX-A: " + strings.Repeat("x", 12<<20) + "\r\n\r\n{}")
			outages["HTML"] = fastCGI("Content-Type: text/html\r\n\r\n<p>")
			outages["nothing"] = fastCGI("")
			outages["junk"] = "hello"
			outages["an answer without end"] = drip
		}
		for name, text := range outages {
			t.Run(name, func(t *testing.T) {
				s.T = t
				answer.Store(&text)
				c := s.Dial()
				c.Send("40/app,")
				c.ExpectClosed()
				answer.Store(&none)
				c = s.Connect()
				answer.Store(&text)
				c.Call(`42/app,1["x"]`, `43/app,1[{"error":"service unavailable"}]`)
				answer.Store(&none)
			})
		}
	}
	for _, text := range []string{none, fastCGI("Status: 200 OK\r\n\r\n{}"), fastCGI("Content-Type: text/html\r\n\r\n{}")} {
		answer.Store(&text)
		s.Connect()
	}
}
