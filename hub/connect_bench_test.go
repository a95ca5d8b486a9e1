package hub_test

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// connectSink is a sink that knows when its client has the reply to its connect packet.
type connectSink struct {
	sink
	connected chan struct{}
}

func (s *connectSink) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("40{")) {
		close(s.connected)
	}
	return len(p), nil
}

// reusedWriter is the response writer of many handshakes, one after another.
type reusedWriter http.Header

func (w reusedWriter) Header() http.Header       { return http.Header(w) }
func (reusedWriter) WriteHeader(int)             {}
func (reusedWriter) Write(p []byte) (int, error) { return len(p), nil }

// newConnect returns a function that opens a WebSocket, connects it to "/", and closes it. The
// work of net/http is left out.
func newConnect(tb testing.TB) (connect func()) {
	h := hub.New(hub.Options{})
	tb.Cleanup(h.Close)
	route := h.Configure(hub.Config{Routes: []hub.RouteConfig{hub.DefaultRoute()}}).Routes()[0]
	r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=websocket", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	w := make(reusedWriter)
	buffered := bufio.NewReadWriter(bufio.NewReader(nil), bufio.NewWriter(nil))
	return func() {
		conn := &connectSink{sink{hello: connectFrame, done: make(chan struct{})}, make(chan struct{})}
		clear(w)
		buffered.Reader.Reset(conn)
		buffered.Writer.Reset(conn)
		h.Serve(route, &engine.Request{
			W: w, R: r, Address: "192.0.2.1",
			Hijack: func() (net.Conn, *bufio.ReadWriter, error) { return conn, buffered, nil },
		})
		<-conn.connected
		close(conn.done)
		for h.Connections() > 0 || h.Of("/").Len() > 0 {
			runtime.Gosched()
		}
	}
}

// BenchmarkConnect measures the handshake of a WebSocket, a connect, and the close. It has one
// processor, so that its goroutines take turns in the same order each time.
func BenchmarkConnect(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	connect := newConnect(b)
	for range 200 { // until tables have grown, and pools are full
		connect()
	}
	b.ReportAllocs()
	for b.Loop() {
		connect()
	}
}

// A connect allocates little: the memory of a server follows its garbage.
func TestConnectAllocatesLittle(t *testing.T) {
	if n := testing.AllocsPerRun(50, newConnect(t)); n > 98 {
		t.Errorf("%v allocations", n)
	}
}
