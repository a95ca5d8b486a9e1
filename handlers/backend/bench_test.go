package backend_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
	"github.com/gorilla/websocket"
)

// BenchmarkBackend measures an event through the whole server: from its message on a
// WebSocket to the acknowledgement from the backend. BenchmarkProxy is the base line
// for reverse_proxy.
func BenchmarkBackend(b *testing.B) {
	b.Run("respond", func(b *testing.B) {
		benchmarkEvents(b, "respond `{\"ack\":[\"ok\"]}` 200")
	})
	b.Run("reverse_proxy", func(b *testing.B) {
		benchmarkEvents(b, "reverse_proxy "+benchmarkApp(b))
	})
}

// benchmarkApp runs an application and returns its address.
func benchmarkApp(b *testing.B) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"ack":["ok"]}`)
	}))
	b.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func benchmarkEvents(b *testing.B, handler string) {
	s := sitetest.Serve(b, sitetest.BackendDirective(handler))
	measureClients(b, "events/s", func() func() error {
		c := s.Connect(benchmarkHeader...)
		return func() error {
			if err := c.WriteMessage(websocket.TextMessage, []byte(`42/app,1["message","hello",{"to":"lobby"}]`)); err != nil {
				return err
			}
			got, err := c.Next()
			if err == nil && got != `43/app,1["ok"]` {
				err = errors.New(got)
			}
			return err
		}
	})
}

// measureClients measures one client with sequential calls, and many clients at once.
// connect returns the call of a client.
func measureClients(b *testing.B, unit string, connect func() func() error) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) {
			asks := make([]func() error, clients)
			for i := range asks {
				asks[i] = connect()
			}
			b.ReportAllocs()
			b.ResetTimer()
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			for _, ask := range asks {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if err := ask(); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
		})
	}
}

// benchmarkHeader is the header of a browser.
var benchmarkHeader = []string{
	"Accept-Encoding", "gzip, deflate, br, zstd",
	"Accept-Language", "en-US,en;q=0.9",
	"Cookie", "session=0123456789abcdef0123456789abcdef",
	"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
}

// BenchmarkProxy measures a plain request through Caddy's reverse_proxy, of the
// size of an event's.
func BenchmarkProxy(b *testing.B) {
	s := sitetest.Serve(b, "reverse_proxy "+benchmarkApp(b))
	request := fmt.Appendf(nil, "POST /socket.io/ HTTP/1.1\r\nHost: %s\r\n", s.Address)
	for i := 0; i < len(benchmarkHeader); i += 2 {
		request = fmt.Appendf(request, "%s: %s\r\n", benchmarkHeader[i], benchmarkHeader[i+1])
	}
	request = fmt.Appendf(request, "Content-Type: application/json\r\nContent-Length: 420\r\n\r\n%0420d", 0)
	measureClients(b, "requests/s", func() func() error {
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		answers := bufio.NewReader(conn)
		return func() error {
			if _, err := conn.Write(request); err != nil {
				return err
			}
			response, err := http.ReadResponse(answers, nil)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, response.Body)
			return err
		}
	})
}
