package frames

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"testing"
)

// recordedWire is a wire with the bytes that a client sent.
type recordedWire struct {
	io.Reader
	pongs    []string
	inflated []int
}

func (w *recordedWire) SendPong(frame []byte) { w.pongs = append(w.pongs, string(frame)) }
func (w *recordedWire) CountControl()         {}
func (w *recordedWire) CountInflated(n int)   { w.inflated = append(w.inflated, n) }

func (w *recordedWire) Reserve(int) error { return nil }

// maskedFrame returns a client's frame with a payload below 126 bytes, masked with zeros.
func maskedFrame(head byte, payload string) string {
	return string([]byte{head, frameMasked | byte(len(payload)), 0, 0, 0, 0}) + payload
}

// deflate returns the payload of a compressed frame.
func deflate(text string) string {
	var out bytes.Buffer
	z, _ := flate.NewWriter(&out, flate.BestSpeed)
	_, _ = io.WriteString(z, text)
	_ = z.Flush()
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

// readAll reads messages until there is an error.
func readAll(t *testing.T, wire Wire, compressed bool, limit int64) (messages []string, err error) {
	t.Helper()
	r, err := Open(wire, compressed)
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := r.Next(limit)
		if err != nil {
			return messages, err
		}
		data, err := m.AppendTo(nil, limit)
		if err != nil {
			return messages, err
		}
		if m.Binary {
			data = append([]byte("binary:"), data...)
		}
		messages = append(messages, string(data))
	}
}

func TestReaderReturnsMessagesAndPongs(t *testing.T) {
	t.Parallel()
	wire := &recordedWire{Reader: strings.NewReader(
		maskedFrame(opText, "he") + maskedFrame(frameFin|0x9, "p") + maskedFrame(frameFin, "y") + maskedFrame(frameFin|opBinary, "\xff"))}
	messages, err := readAll(t, wire, false, 100)
	if !errors.Is(err, ErrLost) {
		t.Errorf("got error %v, want ErrLost", err)
	}
	if got := strings.Join(messages, ","); got != "hey,binary:\xff" {
		t.Errorf("got %q", got)
	}
	if got := strings.Join(wire.pongs, ","); got != "\x8a\x01p" {
		t.Errorf("got pongs %q", got)
	}
}

func TestReaderReturnsStatusOfCloseFrame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, payload string
		status        int
	}{
		{"none", "", 0},
		{"normal", "\x03\xe8bye", 1000},
		{"single byte", "\x03", 1002},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := readAll(t, &recordedWire{Reader: strings.NewReader(maskedFrame(frameFin|opClose, c.payload))}, false, 100)
			if e, ok := errors.AsType[*CloseError](err); !ok || e.Status != c.status {
				t.Errorf("got %v, want status %d", err, c.status)
			}
		})
	}
}

func TestReaderReturnsCloseFrameOfBreach(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 101)
	for _, c := range []struct {
		name, sent string
		compressed bool
		status     int
		tooLarge   bool
	}{
		{"unmasked frame", "\x81\x01a", false, 1002, false},
		{"unknown opcode", maskedFrame(frameFin|3, ""), false, 1002, false},
		{"RSV1 without compression", maskedFrame(frameFin|frameRSV1|opText, "a"), false, 1002, false},
		{"RSV1 on a later frame", maskedFrame(frameRSV1|opText, deflate("a")) + maskedFrame(frameFin|frameRSV1, ""), true, 1002, false},
		{"text that is not UTF-8", maskedFrame(opText, "a\xff"), false, 1007, false},
		{"broken deflate", maskedFrame(frameFin|frameRSV1|opText, "garbage"), true, 1007, false},
		{"large message", maskedFrame(frameFin|opText, long), false, 1009, true},
		{"large message after decompression", maskedFrame(frameFin|frameRSV1|opText, deflate(long)), true, 1009, true},
		{"length beyond integers", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", false, 1009, true},
		{"finest fragments", maskedFrame(opText, "a") + strings.Repeat(maskedFrame(0, ""), 20_000), false, 1008, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := readAll(t, &recordedWire{Reader: strings.NewReader(c.sent)}, c.compressed, 100)
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want an Error", err)
			}
			if want := CloseFrame(c.status); e.CloseFrame[0] != want[0] || !bytes.Equal(e.CloseFrame[2:4], want[2:]) {
				t.Errorf("got close frame %x, want status %d", e.CloseFrame, c.status)
			}
			if errors.Is(err, ErrTooLarge) != c.tooLarge {
				t.Errorf("%v: too large is %v", err, !c.tooLarge)
			}
		})
	}
}
