package hub_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawClient is a WebSocket that takes almost no memory itself, and does only as much as a
// test says. It is in the namespace "/".
type rawClient struct {
	testing.TB
	net.Conn
}

// dialRaw connects to the server of newHub, with an auth object.
func dialRaw(t testing.TB, url, auth string) *rawClient {
	t.Helper()
	address, path, _ := strings.Cut(strings.TrimPrefix(url, "ws://"), "/")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	_ = conn.SetDeadline(time.Now().Add(2 * testTimeout))
	c := &rawClient{t, conn}
	fmt.Fprintf(c, "GET /%s?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path, address)
	in := bufio.NewReaderSize(c, 16) // the smallest: it is dropped with bytes in it only if the server pushes
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", response, err)
	}
	readFrame(t, in)
	c.writeFrame(0x1, []byte("40"+auth))
	if got := readFrame(t, in); !strings.HasPrefix(got, "40") {
		t.Fatalf("got %q", got)
	}
	return c
}

// readFrame returns the payload of a frame of the server.
func readFrame(t testing.TB, in io.Reader) string {
	t.Helper()
	head := make([]byte, 2, 10)
	if _, err := io.ReadFull(in, head); err != nil {
		t.Fatal(err)
	}
	size := uint64(head[1])
	if size >= 126 {
		more := make([]byte, 8)
		if size == 126 {
			more = more[6:]
		}
		if _, err := io.ReadFull(in, more); err != nil {
			t.Fatal(err)
		}
		size = 0
		for _, b := range more {
			size = size<<8 | uint64(b)
		}
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(in, payload); err != nil {
		t.Fatal(err)
	}
	return string(payload)
}

// writeFrame writes a frame, masked with zeros.
func (c *rawClient) writeFrame(opcode byte, payload []byte) {
	c.writePart(opcode, payload, len(payload))
}

// writePart writes the head of a frame of size bytes, and a part of its payload.
func (c *rawClient) writePart(opcode byte, part []byte, size int) {
	c.Helper()
	frame := binary.BigEndian.AppendUint64([]byte{0x80 | opcode, 0x80 | 127}, uint64(size))
	frame = append(frame, 0, 0, 0, 0)
	if _, err := c.Write(append(frame, part...)); err != nil {
		c.Fatal(err)
	}
}
