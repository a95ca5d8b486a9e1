package hub_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// wire is a client that costs nearly nothing: it writes prepared frames, and reads short
// ones of a known size.
type wire struct {
	net.Conn
	buf [128]byte
}

// dialWire connects to the namespace "/" of a hub.
func dialWire(b *testing.B, url string) *wire {
	b.Helper()
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "ws://"), "/")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	request := "GET /" + path + "?EIO=4&transport=websocket HTTP/1.1\r\nHost: " + host +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := conn.Write(append([]byte(request), connectFrame...)); err != nil {
		b.Fatal(err)
	}
	w := &wire{Conn: conn}
	var seen []byte
	for !bytes.HasSuffix(seen, []byte(`"}`)) || !bytes.Contains(seen, []byte(`40{"sid"`)) {
		n, err := conn.Read(w.buf[:])
		if err != nil {
			b.Fatal(err)
		}
		seen = append(seen, w.buf[:n]...)
	}
	return w
}

// readFrame reads a frame whose payload is as long as want, and compares it.
func (w *wire) readFrame(want string) error {
	frame := w.buf[:2+len(want)]
	if _, err := io.ReadFull(w, frame); err != nil {
		return err
	}
	if string(frame[2:]) != want {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func maskFrame(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

// BenchmarkAck measures a client's event and its acknowledgement, over a real connection.
// Each of the concurrent clients waits for its own acknowledgement.
func BenchmarkAck(b *testing.B) {
	for _, count := range []int{1, 50} {
		b.Run(strconv.Itoa(count), func(b *testing.B) {
			h, url := newHub(b)
			h.Of("/").On("ask", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error { return ev.Ack("ok") }))
			ask := maskFrame(`421["ask",42]`)
			clients := make([]*wire, count)
			for i := range clients {
				clients[i] = dialWire(b, url)
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, c := range clients {
					if _, err := c.Write(ask); err != nil {
						b.Fatal(err)
					}
				}
				for _, c := range clients {
					if err := c.readFrame(`431["ok"]`); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/ack")
		})
	}
}

// BenchmarkEmitWithAck measures an event of the server and the client's acknowledgement.
func BenchmarkEmitWithAck(b *testing.B) {
	h, url := newHub(b)
	sockets := make(chan *hub.Socket, 1)
	h.Of("/").On("connect", hub.HandlerFunc(func(_ context.Context, ev *hub.Event) error {
		sockets <- ev.Socket
		return nil
	}))
	c := dialWire(b, url)
	s := receiveWithin(b, sockets)
	b.ReportAllocs()
	id := 0
	for b.Loop() {
		want, answer := `42`+strconv.Itoa(id)+`["ask"]`, maskFrame(`43`+strconv.Itoa(id)+`[]`)
		id++
		failed := make(chan error, 1)
		go func() {
			err := c.readFrame(want)
			if err == nil {
				_, err = c.Write(answer)
			}
			failed <- err
		}()
		if _, err := s.Timeout(0).EmitWithAck(b.Context(), "ask"); err != nil {
			b.Fatal(err)
		}
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
}
