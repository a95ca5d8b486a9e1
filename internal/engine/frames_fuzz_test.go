package engine_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// FuzzFrames sends bytes over a WebSocket and compares the server's output with the
// output that a naive reader of RFC 6455 predicts.
func FuzzFrames(f *testing.F) {
	for _, seed := range []string{
		"", clientFrame(0x81, "4a"), clientFrame(1, "4he") + clientFrame(0x89, "p") + clientFrame(0x80, "y"), clientFrame(0x82, "\x01"), clientFrame(0x82, ""),
		clientFrame(0x88, ""), clientFrame(0x88, "x"), clientFrame(0x88, "\x03\xe8bye"), clientFrame(0x88, "\x03\xe8\xff"), clientFrame(0x88, "\x03\xed"),
		clientFrame(0x81, "4\xed\xa0\x80"), clientFrame(1, "4\xf0\x9f") + clientFrame(0x80, "\x98\x80"), clientFrame(1, "4\xc3("), "\x81\x82", "\x81\xfe\x00\x02\x00\x00\x00\x004",
		clientFrame(0x88, "\x03") + "and what should not follow", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x81\x024a", clientFrame(0xc1, "4a"), clientFrame(0x80, "4a"), clientFrame(9, "p"),
		clientFrame(1, "4a") + clientFrame(1, "4b"), clientFrame(0x81, "2"), clientFrame(0x81, "1") + clientFrame(0x81, "4a"), clientFrame(0x81, "bAQI=") + clientFrame(0x81, "3"),
		clientFrame(0x83, ""), clientFrame(0x89, strings.Repeat("p", 126)), clientFrame(0x81, "4"+strings.Repeat("a", 2000)), "\x8a\x84\x01\x02\x03\x04abcd",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, sent []byte, early bool) {
		if len(sent) > 20_000 {
			return // enough for each kind of frame, too few for the limit of fragments
		}
		config := testConfig()
		config.MaxPayload = 2000
		runInBubble(t, config, func(t *testing.T, w *testServer) {
			now, later := string(sent), ""
			if !early || len(now) > 2000 { // as much as comes in one read
				now, later = "", now
			}
			nc, br := w.dialRaw("EIO=4", now, "")
			var got serverOutput
			read := make(chan struct{})
			go func() {
				defer close(read)
				got = readServerFrames(br)
			}()
			go io.WriteString(nc, later)
			synctest.Wait()
			nc.Close()
			<-read
			want := parseNaively(sent)
			if !slices.Equal(got.messages, want.messages) || got.end != want.end || !slices.Equal(got.pongs, want.pongs) {
				t.Errorf("%x:\ngot  %+q\nwant %+q", sent, got, want)
			}
		})
	})
}

// serverOutput is the output of a server: the messages that it echoes, its pongs, and
// its close frame.
type serverOutput struct {
	messages, pongs []string
	end             string // the close frame's status; nothing without one
}

// readServerFrames reads the frames that the server sends after the open packet.
func readServerFrames(br *bufio.Reader) (n serverOutput) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(br, head[:]); err != nil {
			return n
		}
		size := int(head[1])
		if size == 126 {
			var long [2]byte
			_, _ = io.ReadFull(br, long[:])
			size = int(binary.BigEndian.Uint16(long[:]))
		}
		payload := make([]byte, size)
		_, _ = io.ReadFull(br, payload)
		switch head[0] {
		case 0x8a:
			n.pongs = append(n.pongs, string(payload))
		case 0x88:
			n.end = closeStatus(payload)
		default:
			if !strings.HasPrefix(string(payload), `0{"sid"`) {
				n.messages = append(n.messages, string(payload))
			}
		}
	}
}

func closeStatus(payload []byte) string {
	if len(payload) < 2 {
		return "none"
	}
	return fmt.Sprint(binary.BigEndian.Uint16(payload))
}

// parseNaively reads all frames of a client, with a limit of 2,000 bytes a message, and
// returns the output that they must cause.
func parseNaively(b []byte) (n serverOutput) {
	var message []byte
	kind, open := byte(0), false
	for n.end == "" {
		f, rest, ok := readFrame(b, open)
		if b = rest; !ok {
			return n
		}
		switch {
		case f.end != "":
			n.end = f.end
		case f.op == 8:
			n.end = naiveCloseStatus(f.payload)
		case f.op == 9:
			n.pongs = append(n.pongs, string(f.payload))
		case f.op <= 2:
			if f.op != 0 {
				kind, message = f.op, nil
			}
			if len(message)+f.size > 2000 {
				n.end = "1009"
				return n
			}
			message, open = append(message, f.payload...), !f.fin
			n.end = n.addMessage(message, kind, f.fin && len(f.payload) == f.size)
		}
	}
	return n
}

// addMessage adds the echo of a message. It returns the status of the close frame that the
// message causes, "" for none. whole is false for the beginning of a message.
func (n *serverOutput) addMessage(message []byte, kind byte, whole bool) (end string) {
	if kind == 1 && !isNaiveText(message, whole) {
		return "1007"
	}
	if !whole {
		return ""
	}
	p, err := eio.Parse(message, kind == 2, eio.V4)
	switch {
	case err != nil, p.Type == eio.TypeClose, p.Type == eio.TypePing:
		return "none"
	case p.Type == eio.TypeMessage && p.Binary:
		n.messages = append(n.messages, "4bin", string(p.Data))
	case p.Type == eio.TypeMessage:
		n.messages = append(n.messages, "4"+string(p.Data))
	}
	return ""
}

// isNaiveText reports whether text is UTF-8, or can become it.
func isNaiveText(text []byte, whole bool) bool {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			return !whole && !utf8.FullRune(text)
		}
		text = text[size:]
	}
	return true
}

// naiveFrame is a frame, or the beginning of one with a part of its payload.
type naiveFrame struct {
	op      byte
	fin     bool
	size    int
	payload []byte
	end     string // the status of the close frame that its head causes
}

// readFrame reads the first frame of b. ok is false if b has too few bytes. open means
// that a message has begun.
func readFrame(b []byte, open bool) (f naiveFrame, rest []byte, ok bool) {
	if len(b) < 2 {
		return f, nil, false
	}
	f = naiveFrame{op: b[0] & 0xf, fin: b[0]&0x80 != 0, size: int(b[1] & 0x7f)}
	control := f.op >= 8
	if b[0]&0x70 != 0 || b[1]&0x80 == 0 || f.op > 2 && !control || f.op > 10 || control && (!f.fin || f.size > 125) ||
		!control && open != (f.op == 0) {
		f.end = "1002"
		return f, nil, true
	}
	head := 2 + map[int]int{126: 2, 127: 8}[f.size]
	if f.size == 127 && len(b) >= head && b[2]&0x80 != 0 {
		f.end = "1009" // a size that no integer holds
		return f, nil, true
	}
	if len(b) < head+4 {
		return f, nil, false
	}
	switch f.size {
	case 126:
		f.size = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		f.size = int(min(binary.BigEndian.Uint64(b[2:]), 1<<30))
	}
	mask, body := b[head:head+4], b[head+4:]
	f.payload = make([]byte, min(f.size, len(body)))
	for i := range f.payload {
		f.payload[i] = body[i] ^ mask[i%4]
	}
	return f, body[len(f.payload):], len(f.payload) == f.size || !control
}

func naiveCloseStatus(payload []byte) string {
	if len(payload) == 0 {
		return "none"
	}
	if len(payload) == 1 || !utf8.Valid(payload[2:]) {
		return "1002"
	}
	switch code := binary.BigEndian.Uint16(payload); {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1013, code >= 3000 && code <= 4999:
		return fmt.Sprint(code)
	}
	return "1002"
}
