package eio

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

func TestFrameHeads(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{
		0:       "\x81\x00",
		125:     "\x81\x7d",
		126:     "\x81\x7e\x00\x7e",
		65535:   "\x81\x7e\xff\xff",
		65536:   "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
		1 << 30: "\x81\x7f\x00\x00\x00\x00\x40\x00\x00\x00",
	} {
		if got := appendFrameHead(nil, opText, size); string(got) != want {
			t.Errorf("%d bytes: % x, want % x", size, got, want)
		}
	}
}

func TestDeflateCompressesFromThreshold(t *testing.T) {
	t.Parallel()
	small, big := bytes.Repeat([]byte("a"), 1023), bytes.Repeat([]byte("a"), 1024)
	noise := make([]byte, 4096)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(noise)
	tests := []struct {
		name        string
		text        []byte
		attachments [][]byte
		compress    bool
		want        []bool // for each frame
	}{
		{"text below", small, nil, true, []bool{false}},
		{"text", big, nil, true, []bool{true}},
		{"text not worth it", big, nil, false, []bool{false}},
		{"only the attachment", small, [][]byte{small, big}, true, []bool{false, false, true}},
		{"only the text", big, [][]byte{small}, true, []bool{true, false}},
		{"what deflate makes bigger", big, [][]byte{noise}, true, []bool{true, false}},
		{"only what deflate makes bigger", small, [][]byte{noise}, true, []bool{false, false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := NewMessage(test.text, test.attachments, test.compress)
			for enc, v := range map[Encoding]Version{WebSocket3Deflate: V3, WebSocket4Deflate: V4} {
				frames := readFrames(t, m.Bytes(enc))
				var compressed []bool
				var got []Packet
				for _, f := range frames {
					compressed = append(compressed, f.compressed)
					p, err := Parse(f.data, f.binary, v)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, p)
				}
				if fmt.Sprint(compressed) != fmt.Sprint(test.want) {
					t.Errorf("revision %d: compressed frames are %v, want %v", v, compressed, test.want)
				}
				checkPackets(t, got, expectedPackets(m))
			}
		})
	}
}

// A client of another project reads the frames, plain and compressed ones.
func TestGorillaReadsFrames(t *testing.T) {
	t.Parallel()
	long := []byte(strings.Repeat(hundred, 20))
	huge := []byte(strings.Repeat(hundred, 1000))
	ms := []*Message{
		NewControl(TypeOpen, []byte("{}")),
		NewMessage([]byte("h\u00e9\u20ac\U0001f600"), nil, true),
		NewMessage([]byte(placeholders), [][]byte{long, {}, huge}, true),
		NewMessage(huge, [][]byte{{1}}, true),
		NewMessage(long, nil, true),
	}
	for _, enc := range []Encoding{WebSocket3, WebSocket3Base64, WebSocket4, WebSocket4Base64, WebSocket3Deflate, WebSocket4Deflate} {
		v := V4
		if enc == WebSocket3 || enc == WebSocket3Base64 || enc == WebSocket3Deflate {
			v = V3
		}
		conn := dialGorilla(t, func(w io.Writer) error {
			for _, m := range ms {
				if _, err := w.Write(m.Bytes(enc)); err != nil {
					return err
				}
			}
			return nil
		})
		for _, m := range ms {
			var got []Packet
			for range m.Packets() {
				kind, data, err := conn.ReadMessage()
				if err != nil {
					t.Fatalf("encoding %d: %v", enc, err)
				}
				p, err := Parse(data, kind == websocket.BinaryMessage, v)
				if err != nil {
					t.Fatalf("encoding %d: %v", enc, err)
				}
				got = append(got, p)
			}
			checkPackets(t, got, expectedPackets(m))
		}
	}
}

// dialGorilla returns a client of a server that accepts compression and then calls write.
func dialGorilla(t *testing.T, write func(io.Writer) error) *websocket.Conn {
	t.Helper()
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- serveFrames(far, write) }()
	dialer := websocket.Dialer{
		EnableCompression: true,
		NetDialContext:    func(context.Context, string, string) (net.Conn, error) { return near, nil },
	}
	conn, response, err := dialer.Dial("ws://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() {
		_ = conn.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return conn
}

func serveFrames(conn net.Conn, write func(io.Writer) error) error {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return err
	}
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + guid))
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	return write(conn)
}

// frame is one frame that a test has read.
type frame struct {
	binary     bool
	compressed bool
	data       []byte
}

// readFrames reads all frames, as strictly as a client may.
func readFrames(t testing.TB, data []byte) (frames []frame) {
	t.Helper()
	for len(data) > 0 {
		if len(data) < 2 || data[0]&fin == 0 || data[0]&0x30 != 0 || data[1]&0x80 != 0 {
			t.Fatalf("frame head % x", data[:min(2, len(data))])
		}
		f := frame{compressed: data[0]&rsv1 != 0}
		switch data[0] & 0x0f {
		case opText:
		case opBinary:
			f.binary = true
		default:
			t.Fatalf("opcode %#x", data[0]&0x0f)
		}
		size, head := uint64(data[1]), 2
		switch size {
		case 126:
			size, head = uint64(binary.BigEndian.Uint16(data[2:])), 4
		case 127:
			size, head = binary.BigEndian.Uint64(data[2:]), 10
		}
		if uint64(len(data)-head) < size {
			t.Fatalf("a frame of %d bytes is %d short", size, size-uint64(len(data)-head))
		}
		f.data, data = data[head:head+int(size)], data[head+int(size):]
		if f.compressed {
			f.data = inflateData(t, f.data)
		}
		frames = append(frames, f)
	}
	return frames
}

func inflateData(t testing.TB, data []byte) []byte {
	t.Helper()
	tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
	out, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(data), tail)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// expectedPackets returns the packets that a client must get for a message.
func expectedPackets(m *Message) []Packet {
	packets := []Packet{{Type: m.kind, Data: m.text}}
	for _, a := range m.attachments {
		packets = append(packets, Packet{Type: TypeMessage, Binary: true, Data: a})
	}
	return packets
}
