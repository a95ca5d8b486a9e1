package engine_test

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// dialHandshake sends a WebSocket handshake.
func (w *testServer) dialHandshake() net.Conn {
	w.t.Helper()
	c, err := w.dial(w.t.Context(), "tcp", w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// The response to a handshake and the open packet are one write, and so are the first messages
// of the receiver.
func TestHandshakeIsOneWrite(t *testing.T) {
	for name, serve := range map[string]func(testing.TB, *testServer){"TCP": serveTCP, "TLS": serveTLS} {
		w := newTestServer(t, testConfig(), noOptions())
		w.accept = func(p *testReceiver) error {
			p.session.Send(newText("hello"))
			return nil
		}
		serve(t, w)
		buf := make([]byte, 4096)
		n, err := w.dialHandshake().Read(buf)
		head, frames, _ := strings.Cut(string(buf[:n]), "\r\n\r\n")
		if err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(frames, `0{"sid":"`) || !strings.HasSuffix(frames, "4hello") {
			t.Errorf("%s: got %q, %v", name, buf[:n], err)
		}
	}
}

// Many first messages follow the open packet in order, over connections that a pump can write
// to and over others.
func TestManyFirstMessagesComeInOrder(t *testing.T) {
	const count = 100
	for name, serve := range map[string]func(testing.TB, *testServer){"TCP": serveTCP, "TLS": serveTLS} {
		w := newTestServer(t, testConfig(), noOptions())
		w.accept = func(p *testReceiver) error {
			for i := range count {
				p.session.Send(newText(strconv.Itoa(i) + strings.Repeat("x", 10_000)))
			}
			return nil
		}
		serve(t, w)
		c := w.dialWebSocket("EIO=4")
		c.wantOpenPacket()
		for i := range count {
			if got := c.readMessage(); !strings.HasPrefix(got, "4"+strconv.Itoa(i)+"x") || len(got) < 10_000 {
				t.Fatalf("%s: message %d is %.20q", name, i, got)
			}
		}
	}
}

// A session that closes while it is accepted still gets its packets, and the close frame.
func TestSessionThatClosesAtOnceGetsItsPackets(t *testing.T) {
	w := newTestServer(t, testConfig(), noOptions())
	w.accept = func(p *testReceiver) error {
		p.session.Send(newText("bye"))
		p.session.Close(engine.ReasonForced)
		return nil
	}
	serveTCP(t, w)
	c := w.dialWebSocket("EIO=4")
	c.wantOpenPacket()
	for _, want := range []string{"4bye", closedWithoutStatus} {
		if got := c.readMessage(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
