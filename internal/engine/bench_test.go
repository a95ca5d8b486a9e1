package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

type discardReceiver struct{}

func (discardReceiver) Receive(eio.Packet) error { return nil }
func (discardReceiver) Closed(string)            {}

func newDiscardServer() (*Server, *Route) {
	s := NewServer(Options{
		Accept:      func(*Session) (Receiver, error) { return discardReceiver{}, nil },
		MaxUnjoined: 1 << 30,
	})
	return s, NewRoute(Config{Polling: true, WebSocket: true, V3: true, V4: true})
}

// newSinkSession opens a session that has no connection yet.
func newSinkSession(tb testing.TB, server *Server, route *Route) *Session {
	r := httptest.NewRequest(http.MethodGet, "/?EIO=4&transport=websocket", nil)
	x := &exchange{Request: &Request{R: r, Route: route}, server: server, config: route.config.Load(), version: eio.V4, upgrade: true}
	s, refused := x.openSession()
	if refused != nil {
		tb.Fatal(refused.message)
	}
	return s
}

// newSinkSessions opens sessions whose connection accepts all bytes: the null device.
func newSinkSessions(tb testing.TB, count int) (*Server, []*Session) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { null.Close() })
	raw, err := null.SyscallConn()
	if err != nil {
		tb.Fatal(err)
	}
	server, route := newDiscardServer()
	sessions := make([]*Session, count)
	for i := range sessions {
		s := newSinkSession(tb, server, route)
		near, _ := net.Pipe()
		o := &newWebSocket(s, near).out
		o.raw, o.encoding = raw, eio.WebSocket4
		_ = s.attachWebSocket(o, bufio.NewWriter(io.Discard))
		sessions[i] = s
	}
	tb.Cleanup(func() {
		for _, s := range sessions {
			s.closeWith("", closeMode{})
		}
	})
	return server, sessions
}

// discardWriter is the writer of an HTTP server whose client takes all bytes.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header              { return w.header }
func (w *discardWriter) WriteHeader(int)                  {}
func (w *discardWriter) Write(p []byte) (int, error)      { return len(p), nil }
func (w *discardWriter) Flush()                           {}
func (w *discardWriter) SetWriteDeadline(time.Time) error { return nil }

// newPollExchange returns a function that sends a message to a polling session, and
// serves the poll that takes it.
func newPollExchange(tb testing.TB) func() {
	server, route := newDiscardServer()
	w := &discardWriter{header: http.Header{}}
	server.ServeEngine(&Request{W: w, R: httptest.NewRequest(http.MethodGet, "/?EIO=4&transport=polling", nil), Route: route})
	s := server.ListSessions()[0]
	tb.Cleanup(func() { s.closeWith("", closeMode{}) })
	r := httptest.NewRequest(http.MethodGet, "/?EIO=4&transport=polling&t=Nx1&sid="+s.id, nil)
	m := eio.NewMessage([]byte(strings.Repeat("x", 100)), nil, true)
	return func() {
		clear(w.header)
		s.Send(m)
		server.ServeEngine(&Request{W: w, R: r, Route: route, AbortWrite: func() {}})
	}
}

// BenchmarkPoll measures the reply to a poll with one message, without the HTTP server.
func BenchmarkPoll(b *testing.B) {
	exchange := newPollExchange(b)
	b.ReportAllocs()
	for b.Loop() {
		exchange()
	}
}

func TestPollAllocatesLittle(t *testing.T) {
	// The exchange, the channel that wakes the poll, its controller and the request itself; the
	// race detector empties pools.
	if allocs := testing.AllocsPerRun(100, newPollExchange(t)); allocs > 8 {
		t.Errorf("%v allocations for a poll", allocs)
	}
}

// awaitIdlePumps waits until no pump has anything to write.
func (s *Server) awaitIdlePumps() {
	for _, p := range s.pumps {
		for running := true; running; {
			runtime.Gosched()
			p.mu.Lock()
			running = p.running
			p.mu.Unlock()
		}
	}
}

// BenchmarkBroadcast sends one new message to many sessions, eight times in a row, and
// waits until all is written.
func BenchmarkBroadcast(b *testing.B) {
	for _, count := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(count), func(b *testing.B) {
			server, sessions := newSinkSessions(b, count)
			payload := []byte(`2["msg","` + strings.Repeat("x", 100) + `"]`)
			server.awaitIdlePumps()
			b.ReportAllocs()
			const inFlight = 8
			for b.Loop() {
				for range inFlight {
					m := eio.NewMessage(payload, nil, false)
					for _, s := range sessions {
						s.Send(m)
					}
				}
				server.awaitIdlePumps()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count*inFlight), "ns/delivery")
		})
	}
}

func TestBroadcastDoesNotAllocatePerSocket(t *testing.T) {
	const count = 1000
	server, sessions := newSinkSessions(t, count)
	server.awaitIdlePumps()
	payload := []byte(`2["msg"]`)
	allocs := testing.AllocsPerRun(20, func() {
		m := eio.NewMessage(payload, nil, false)
		for _, s := range sessions {
			s.Send(m)
		}
		server.awaitIdlePumps()
	})
	// A queue grows now and then; most sessions cost nothing.
	if allocs > count/4 {
		t.Errorf("%v allocations for %d sockets", allocs, count)
	}
}

// BenchmarkSlowClient sends to a client that reads nothing, until its session closes
// because more than [Config.MaxQueue] bytes wait. No send waits for the client.
func BenchmarkSlowClient(b *testing.B) {
	server, route := newDiscardServer()
	config := route.Config()
	config.MaxQueue = 1 << 20
	route.SetConfig(config)
	m := eio.NewMessage([]byte(`2["msg","`+strings.Repeat("x", 1000)+`"]`), nil, false)
	sent := 0
	b.ReportAllocs()
	for b.Loop() {
		near, far := net.Pipe()
		s := newSinkSession(b, server, route)
		o := &newWebSocket(s, near).out
		o.encoding = eio.WebSocket4
		_ = s.attachWebSocket(o, bufio.NewWriter(io.Discard))
		for s.Send(m) {
			sent++
		}
		o.closeNow()
		far.Close()
	}
	b.ReportMetric(float64(sent*m.Size())/float64(b.N), "B/client")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sent), "ns/send")
}

// BenchmarkIdleWebSocket measures the memory and the goroutines of an idle WebSocket. The
// client's end of its connection is included; it is a bare TCP connection. The only
// goroutine is the reader: writing and the heartbeat need none.
func BenchmarkIdleWebSocket(b *testing.B) {
	engine, route := newDiscardServer()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		engine.ServeEngine(&Request{W: w, R: r, Route: route})
	}))
	defer server.Close()
	const request = "GET /?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	const count = 1000
	for b.Loop() {
		before, goroutines := measureMemory(), runtime.NumGoroutine()
		conns := make([]net.Conn, count)
		buf := make([]byte, 1024)
		for i := range conns {
			c, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.WriteString(c, request); err != nil {
				b.Fatal(err)
			}
			for read := ""; !strings.Contains(read, `"maxPayload":`); {
				n, err := c.Read(buf)
				if err != nil {
					b.Fatal(err)
				}
				read += string(buf[:n])
			}
			conns[i] = c
		}
		b.ReportMetric(float64(measureMemory()-before)/count, "B/socket")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/count, "goroutines/socket")
		for _, c := range conns {
			c.Close()
		}
		for engine.Sessions() > 0 {
			runtime.Gosched()
		}
	}
}

func measureMemory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
