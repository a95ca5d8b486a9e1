package load

import (
	"bytes"
	"testing"
	"time"
)

// serverFrame returns a text as a frame of a server: AppendFrame's without the mask.
func serverFrame(text string) []byte {
	frame := AppendFrame(nil, []byte(text))
	mask := len(frame) - len(text) - 4
	frame[1] &^= 0x80
	return append(frame[:mask:mask], text...)
}

func TestFramesOfEachLengthAreCut(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 1 << 16, 1<<16 + 1} {
		text := string(bytes.Repeat([]byte("x"), n))
		frame := serverFrame(text)
		for _, part := range []int{0, 1, 2, len(frame) - 1} {
			if part >= len(frame) {
				continue
			}
			if _, _, length, err := cutFrame(frame[:part]); length != 0 || err != nil {
				t.Errorf("%d bytes of a frame with %d: length %d, %v", part, n, length, err)
			}
		}
		opcode, payload, length, err := cutFrame(append(frame, "next"...))
		if opcode != opText || string(payload) != text || length != len(frame) || err != nil {
			t.Errorf("frame with %d bytes: opcode %d, %d bytes, length %d, %v", n, opcode, len(payload), length, err)
		}
	}
}

func TestFramesOfNoServerAreErrors(t *testing.T) {
	for name, frame := range map[string][]byte{"masked": {0x81, 0x80, 0, 0, 0, 0}, "fragment": {0x01, 0}, "compressed": {0xc1, 0}} {
		if _, _, _, err := cutFrame(frame); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestQuantilesAreWithinThreePercent(t *testing.T) {
	h := new(Histogram)
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("without durations: %v", got)
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := h.Quantile(q); got < want*95/100 || got > want*103/100 {
			t.Errorf("%v: got %v, want %v", q, got, want)
		}
	}
}

func TestBodiesInChunksAreJoined(t *testing.T) {
	data := []byte("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest")
	for part := range len(data) - len("rest") {
		if _, length := joinChunks(data[:part]); length != 0 {
			t.Errorf("%q: length %d", data[:part], length)
		}
	}
	body, length := joinChunks(data)
	if string(body) != "abcde" || string(data[length:]) != "rest" {
		t.Errorf("got %q and the rest %q", body, data[length:])
	}
}
