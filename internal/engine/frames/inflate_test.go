package frames

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestOnlyMarkedMessagesAreInflated mixes compressed and plain messages, in whole and in
// parts, with control frames between. The wire brings them in reads of different sizes.
func TestOnlyMarkedMessagesAreInflated(t *testing.T) {
	t.Parallel()
	var sent strings.Builder
	var want []string
	var inflated []int
	for i := range 300 {
		text := fmt.Sprintf("message %d", i)
		switch i % 4 {
		case 0:
			sent.WriteString(maskedFrame(frameFin|opText, text))
		case 1:
			sent.WriteString(maskedFrame(frameFin|frameRSV1|opText, deflate(text)))
		case 2:
			packed := deflate(text)
			sent.WriteString(maskedFrame(frameRSV1|opText, packed[:3]) + maskedFrame(frameFin|0x9, "p"))
			sent.WriteString(maskedFrame(0, "") + maskedFrame(frameFin, packed[3:]))
		case 3:
			sent.WriteString(maskedFrame(frameFin|frameRSV1|opBinary, deflate("")))
			text = "binary:"
		}
		want = append(want, text)
		switch i % 4 {
		case 1, 2:
			inflated = append(inflated, len(text))
		case 3:
			inflated = append(inflated, 0)
		}
	}
	for _, size := range []int{1, 7, 512, 1 << 20} {
		wire := &recordedWire{Reader: &shortReads{strings.NewReader(sent.String()), size}}
		messages, err := readAll(t, wire, true, 100)
		if !errors.Is(err, ErrLost) || !slices.Equal(messages, want) {
			t.Errorf("reads of %d bytes: %v after %d messages: %.200q", size, err, len(messages), messages)
		}
		if !slices.Equal(wire.inflated, inflated) {
			t.Errorf("reads of %d bytes: counted %v", size, wire.inflated)
		}
	}
}

// shortReads returns few bytes at a time.
type shortReads struct {
	io.Reader
	size int
}

func (r *shortReads) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), r.size)]) }

// TestSlowClientsHoldNoSlot begins more compressed messages than may be inflated at a time,
// and reads another one before they end.
func TestSlowClientsHoldNoSlot(t *testing.T) {
	packed := deflate(strings.Repeat("slow ", 1000))
	var rest []*io.PipeWriter
	results := make(chan string)
	for range 2*cap(inflateSlots) + 2 {
		client, server := io.Pipe()
		go func() {
			messages, err := readAll(t, &recordedWire{Reader: client}, true, 10_000)
			results <- fmt.Sprint(len(messages), errors.Is(err, ErrLost))
		}()
		_, _ = io.WriteString(server, maskedFrame(frameRSV1|opText, packed[:len(packed)/2])) // returns when it is read
		rest = append(rest, server)
	}
	messages, _ := readAll(t, &recordedWire{Reader: strings.NewReader(maskedFrame(frameFin|frameRSV1|opText, deflate("quick")))}, true, 100)
	if !slices.Equal(messages, []string{"quick"}) {
		t.Errorf("got %q", messages)
	}
	for i, server := range rest {
		if i > 0 { // one connection is lost within its message
			_, _ = io.WriteString(server, maskedFrame(frameFin, packed[len(packed)/2:]))
		}
		server.Close()
	}
	counts := make(map[string]int)
	for range rest {
		counts[<-results]++
	}
	if counts["1 true"] != len(rest)-1 || counts["0 true"] != 1 || len(inflateSlots) != 0 {
		t.Errorf("%v, %d slots in use", counts, len(inflateSlots))
	}
}

// fullWire reserves no memory.
type fullWire struct{ recordedWire }

var errFull = errors.New("full")

func (*fullWire) Reserve(int) error { return errFull }

func TestInflaterIsReserved(t *testing.T) {
	t.Parallel()
	wire := &fullWire{recordedWire{Reader: strings.NewReader(maskedFrame(frameFin|frameRSV1|opText, deflate("a")))}}
	if messages, err := readAll(t, wire, true, 100); !errors.Is(err, errFull) || len(messages) > 0 {
		t.Errorf("got %v, %q", err, messages)
	}
}

// FuzzCompressedFrames reads the bytes of a client that has negotiated compression, in reads of
// different sizes. The messages and the error are the same, and none is larger than the limit.
func FuzzCompressedFrames(f *testing.F) {
	packed := deflate("some text")
	f.Add([]byte(maskedFrame(frameFin|frameRSV1|opText, packed)+maskedFrame(frameFin|opText, "plain")), 3)
	f.Add([]byte(maskedFrame(frameRSV1|opText, packed[:4])+maskedFrame(frameFin|0x9, "p")+maskedFrame(frameFin, packed[4:])), 1)
	f.Add([]byte(maskedFrame(frameFin|frameRSV1|opBinary, deflate(strings.Repeat("x", 2000)))), 7)
	f.Add([]byte(maskedFrame(frameFin|frameRSV1|0x9, "p")+maskedFrame(frameFin|frameRSV1, "")), 2)
	f.Add([]byte(maskedFrame(frameFin|frameRSV1|opText, "\x03\x00after the last block")+maskedFrame(frameFin|opText, "a")), 5)
	f.Fuzz(func(t *testing.T, sent []byte, size int) {
		if len(sent) > 20_000 {
			return
		}
		const limit = 1000
		read := func(size int) (messages []string, end string) {
			messages, err := readAll(t, &recordedWire{Reader: &shortReads{bytes.NewReader(sent), size}}, true, limit)
			if e, ok := errors.AsType[*Error](err); ok {
				return messages, string(e.CloseFrame)
			}
			return messages, fmt.Sprint(errors.Is(err, ErrLost))
		}
		messages, end := read(1 << 20)
		shorter, shorterEnd := read(1 + size&0xff)
		if !slices.Equal(messages, shorter) || end != shorterEnd {
			t.Errorf("%x:\n%q %q,\nin short reads\n%q %q", sent, messages, end, shorter, shorterEnd)
		}
		for _, m := range messages {
			if len(strings.TrimPrefix(m, "binary:")) > limit {
				t.Errorf("a message of %d bytes", len(m))
			}
		}
	})
}
