package handlers_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// costDirectives are the rules that the cost of events is measured with.
const costDirectives = `socketio {
	namespace / {
		on echo {
			ack {event.args.0}
		}
		on back {
			emit back {event.args.0}
		}
		on join {
			join {event.args.0}
			ack
		}
		on leave {
			leave {event.args.0}
			ack
		}
	}
}`

// costClient is a client that allocates nothing: it writes prepared frames, and reads frames
// of a known size.
type costClient struct {
	t    testing.TB
	conn net.Conn
	buf  [256]byte
}

// dialCost connects to the namespace "/" of a site.
func dialCost(t testing.TB, s *sitetest.Site) *costClient {
	t.Helper()
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request := "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: " + s.Address +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := conn.Write(append([]byte(request), costFrame("40")...)); err != nil {
		t.Fatal(err)
	}
	c := &costClient{t: t, conn: conn}
	var seen []byte
	for !bytes.HasSuffix(seen, []byte(`"}`)) || !bytes.Contains(seen, []byte(`40{"sid"`)) {
		n, err := conn.Read(c.buf[:])
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, c.buf[:n]...)
	}
	return c
}

// costFrame returns a text frame of a client, masked with zeros.
func costFrame(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

// exchange sends a frame, and reads the reply.
func (c *costClient) exchange(frame []byte, want string) {
	if _, err := c.conn.Write(frame); err != nil {
		c.t.Fatal(err)
	}
	reply := c.buf[:2+len(want)]
	if _, err := io.ReadFull(c.conn, reply); err != nil {
		c.t.Fatal(err)
	}
	if string(reply[2:]) != want {
		c.t.Fatalf("got %q, want %q", reply[2:], want)
	}
}

// costs are the events whose cost is measured, with the allocations that each may make in the
// server.
func costs() map[string]struct {
	run    func(*costClient)
	allocs float64
} {
	payload := `"` + strings.Repeat("x", 90) + `"`
	echo, back := costFrame(`421["echo",`+payload+`]`), costFrame(`42["back",`+payload+`]`)
	join, leave := costFrame(`421["join","lobby"]`), costFrame(`422["leave","lobby"]`)
	return map[string]struct {
		run    func(*costClient)
		allocs float64
	}{
		"echo":           {func(c *costClient) { c.exchange(echo, `431[`+payload+`]`) }, 9},
		"emit to sender": {func(c *costClient) { c.exchange(back, `42["back",`+payload+`]`) }, 11},
		"join and leave": {func(c *costClient) { c.exchange(join, `431[]`); c.exchange(leave, `432[]`) }, 23},
	}
}

// TestAllocationsOfEvents bounds the allocations of an event with its reply, through all of
// Caddy. The client's side makes none.
func TestAllocationsOfEvents(t *testing.T) {
	s := sitetest.Serve(t, costDirectives)
	c := dialCost(t, s)
	for name, cost := range costs() {
		for range 100 { // the first ones come while the connect event is handled, or grow buffers
			cost.run(c)
		}
		allocs := testing.AllocsPerRun(300, func() { cost.run(c) })
		t.Logf("%s: %v allocations", name, allocs)
		if limit := cost.allocs * allocationSlack; allocs > limit {
			t.Errorf("%s: %v allocations, want %v at most", name, allocs, limit)
		}
	}
}

// BenchmarkEvent measures an event and its reply through all of Caddy, over a real connection,
// one in flight.
func BenchmarkEvent(b *testing.B) {
	s := sitetest.Serve(b, costDirectives)
	for name, cost := range costs() {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			c := dialCost(b, s)
			b.ReportAllocs()
			for b.Loop() {
				cost.run(c)
			}
		})
	}
}
