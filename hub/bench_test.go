package hub_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/adminui"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// sink is the connection of a client that connects to "/", and then only reads.
type sink struct {
	hello []byte
	done  chan struct{}
}

// connectFrame is "40" in a WebSocket frame with a mask of zeros.
var connectFrame = []byte{0x81, 0x82, 0, 0, 0, 0, '4', '0'}

func (s *sink) Read(p []byte) (int, error) {
	if len(s.hello) == 0 {
		<-s.done
		return 0, net.ErrClosed
	}
	n := copy(p, s.hello)
	s.hello = s.hello[n:]
	return n, nil
}

func (s *sink) Write(p []byte) (int, error)      { return len(p), nil }
func (s *sink) Close() error                     { return nil }
func (s *sink) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *sink) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *sink) SetDeadline(time.Time) error      { return nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// newCrowd returns a hub with count sockets in "/", each of them in the rooms "all" and
// "tenN".
func newCrowd(b *testing.B, count int) *hub.Hub { return newRecoveringCrowd(b, count, 0) }

// newRecoveringCrowd returns a crowd on a route with recovery; zero is without.
func newRecoveringCrowd(b *testing.B, count int, recovery time.Duration) *hub.Hub {
	b.Helper()
	route := hub.DefaultRoute()
	route.Recovery = recovery
	return newConfiguredCrowd(b, count, hub.New(hub.Options{}), hub.Config{Routes: []hub.RouteConfig{route}})
}

// newConfiguredCrowd adds a crowd to a hub with a config, on the config's first route.
func newConfiguredCrowd(b *testing.B, count int, h *hub.Hub, config hub.Config) *hub.Hub {
	b.Helper()
	g := h.Configure(config)
	joined := make(chan struct{}, count)
	i := 0
	off := h.Of("/").On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		n := i
		i++
		defer func() { joined <- struct{}{} }()
		return ev.Socket.Join("all", "ten"+strconv.Itoa(n/10))
	}))
	done := make(chan struct{})
	for range count {
		r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=websocket", nil)
		r.Header = http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
			"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		}
		conn := &sink{hello: connectFrame, done: done}
		h.Serve(g.Routes()[0], &engine.Request{
			W: httptest.NewRecorder(), R: r,
			Hijack: func() (net.Conn, *bufio.ReadWriter, error) {
				return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), nil
			},
		})
		<-joined
	}
	off()
	b.Cleanup(func() {
		close(done)
		h.Close()
	})
	for h.Of("/").Len() < count {
		if _, err := h.Of("/").All().FetchSockets(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return h
}

// BenchmarkBroadcast emits to a room of many sockets: the event is encoded once, and
// queued for each.
func BenchmarkBroadcast(b *testing.B) {
	for _, count := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("%d", count), func(b *testing.B) {
			h := newCrowd(b, max(count, 10))
			room := h.Of("/").To("all")
			b.ReportAllocs()
			for b.Loop() {
				if n, err := room.Emit("news", "hello", 42); n != max(count, 10) || err != nil {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/socket")
		})
	}
}

// BenchmarkBroadcastWithAdminUI emits to a room of many sockets, without an Admin UI, with one
// that has no viewer, and with one that had a viewer. The cost of all three is equal.
func BenchmarkBroadcastWithAdminUI(b *testing.B) {
	const count = 1000
	for _, kind := range []string{"absent", "configured", "viewed_before"} {
		b.Run(kind, func(b *testing.B) {
			h := hub.New(hub.Options{})
			config := hub.Config{Routes: []hub.RouteConfig{hub.DefaultRoute()}}
			if kind != "absent" {
				settings := &adminui.Settings{Username: "ada", PasswordHash: "unused", Development: true}
				console := adminui.New(h)
				b.Cleanup(console.Use(settings))
				config.Namespaces = append(config.Namespaces, console.NamespaceConfig(settings))
			}
			newConfiguredCrowd(b, count, h, config)
			if kind == "viewed_before" {
				h.Observe(func(hub.Observation) {})()
			}
			room := h.Of("/").To("all")
			b.ReportAllocs()
			for b.Loop() {
				if n, err := room.Emit("news", "hello", 42); n != count || err != nil {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/socket")
		})
	}
}

// BenchmarkPrivate emits to one socket among many, by its room.
func BenchmarkPrivate(b *testing.B) {
	h := newCrowd(b, 10_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i = (i + 1) % 1000
		if _, err := h.Of("/").To("ten"+strconv.Itoa(i)).Emit("news", 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFetchPage fetches a hundred sockets among many.
func BenchmarkFetchPage(b *testing.B) {
	h := newCrowd(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if page, err := h.Of("/").To("all").FetchPage(b.Context(), "a", 100); len(page) != 100 || err != nil {
			b.Fatal(len(page), err)
		}
	}
}

// BenchmarkSocketEmit emits to one socket among many.
func BenchmarkSocketEmit(b *testing.B) {
	for name, recovery := range map[string]time.Duration{"plain": 0, "recovery": time.Minute} {
		b.Run(name, func(b *testing.B) {
			h := newRecoveringCrowd(b, 10_000, recovery)
			var sockets []*hub.Socket
			found, err := h.Of("/").All().FetchSockets(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range found {
				socket, _ := h.Of("/").Socket(s.ID)
				sockets = append(sockets, socket)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 1) % len(sockets)
				if err := sockets[i].Emit("news", 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRecordedBroadcast emits to a room of ten sockets that may be recovered.
func BenchmarkRecordedBroadcast(b *testing.B) {
	h := newRecoveringCrowd(b, 1000, time.Minute)
	room := h.Of("/").To("ten7")
	b.ReportAllocs()
	for b.Loop() {
		if n, err := room.Emit("news", "hello", 42); n != 10 || err != nil {
			b.Fatal(n, err)
		}
	}
}
