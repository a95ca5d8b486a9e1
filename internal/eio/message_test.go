package eio

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// messageBytesTests are messages and their bytes in some encodings.
var messageBytesTests = []struct {
	name    string
	message *Message
	want    map[Encoding]string
}{
	{"hello", NewMessage([]byte("hello"), nil, true), map[Encoding]string{
		Polling3:          "6:4hello",
		Polling3Binary:    "\x00\x06\xff4hello",
		Polling4:          "4hello",
		WebSocket3:        "\x81\x064hello",
		WebSocket3Base64:  "\x81\x064hello",
		WebSocket4:        "\x81\x064hello",
		WebSocket4Base64:  "\x81\x064hello",
		WebSocket3Deflate: "\x81\x064hello",
		WebSocket4Deflate: "\x81\x064hello",
	}},
	{"hello and bytes", NewMessage([]byte("hello"), [][]byte{{1, 2, 3, 4}}, true), map[Encoding]string{
		Polling3:          "6:4hello10:b4AQIDBA==",
		Polling3Binary:    "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04",
		Polling4:          "4hello\x1ebAQIDBA==",
		WebSocket3:        "\x81\x064hello\x82\x05\x04\x01\x02\x03\x04",
		WebSocket3Base64:  "\x81\x064hello\x81\x0ab4AQIDBA==",
		WebSocket4:        "\x81\x064hello\x82\x04\x01\x02\x03\x04",
		WebSocket4Base64:  "\x81\x064hello\x81\x09bAQIDBA==",
		WebSocket3Deflate: "\x81\x064hello\x82\x05\x04\x01\x02\x03\x04",
		WebSocket4Deflate: "\x81\x064hello\x82\x04\x01\x02\x03\x04",
	}},
	{"two attachments", NewMessage([]byte(placeholders), [][]byte{{1, 2, 3}, {4, 5}}, false), map[Encoding]string{
		Polling3:       "77:4" + placeholders + "6:b4AQID6:b4BAU=",
		Polling3Binary: "\x00\x07\x07\xff4" + placeholders + "\x01\x04\xff\x04\x01\x02\x03\x01\x03\xff\x04\x04\x05",
		Polling4:       "4" + placeholders + "\x1ebAQID\x1ebBAU=",
		WebSocket4:     "\x81\x4d4" + placeholders + "\x82\x03\x01\x02\x03\x82\x02\x04\x05",
	}},
	{"an empty attachment", NewMessage(nil, [][]byte{{}}, false), map[Encoding]string{
		Polling3:         "1:42:b4",
		Polling3Binary:   "\x00\x01\xff4\x01\x01\xff\x04",
		Polling4:         "4\x1eb",
		WebSocket3:       "\x81\x014\x82\x01\x04",
		WebSocket3Base64: "\x81\x014\x81\x02b4",
		WebSocket4:       "\x81\x014\x82\x00",
		WebSocket4Base64: "\x81\x014\x81\x01b",
	}},
	{"code units and bytes", NewMessage([]byte("2[\"echo-back\",\"h\u00e9\u20ac\U0001f600\"]"), nil, false), map[Encoding]string{
		Polling3:       "23:42[\"echo-back\",\"h\u00e9\u20ac\U0001f600\"]",
		Polling3Binary: "\x00\x02\x08\xff42[\"echo-back\",\"h\u00e9\u20ac\U0001f600\"]",
		WebSocket4:     "\x81\x1c42[\"echo-back\",\"h\u00e9\u20ac\U0001f600\"]",
	}},
	{"a pong", NewControl(TypePong, []byte("probe")), map[Encoding]string{
		Polling3:          "6:3probe",
		WebSocket3:        "\x81\x063probe",
		WebSocket4Base64:  "\x81\x063probe",
		WebSocket4Deflate: "\x81\x063probe",
	}},
	{"a noop", NewControl(TypeNoop, nil), map[Encoding]string{
		Polling3: "1:6", Polling4: "6", WebSocket4: "\x81\x016",
	}},
}

func TestMessageBytes(t *testing.T) {
	t.Parallel()
	for _, test := range messageBytesTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for enc, want := range test.want {
				// Before the bytes are kept, after, and after other bytes.
				if got := test.message.Append([]byte("before"), enc); string(got) != "before"+want {
					t.Errorf("encoding %d: Append gives\n%q, want\n%q", enc, got[len("before"):], want)
				}
				if got := test.message.Bytes(enc); string(got) != want {
					t.Errorf("encoding %d: Bytes gives\n%q, want\n%q", enc, got, want)
				}
				if got := test.message.Append(nil, enc); string(got) != want {
					t.Errorf("encoding %d: Append after Bytes gives\n%q, want\n%q", enc, got, want)
				}
			}
		})
	}
}

func TestMessageSizeAndPackets(t *testing.T) {
	t.Parallel()
	m := NewMessage([]byte("hello"), [][]byte{{1, 2, 3}, {}}, true)
	if m.Size() != 9 || m.Packets() != 3 || !m.Compress() {
		t.Errorf("size %d, packets %d, compress %t", m.Size(), m.Packets(), m.Compress())
	}
	ping := NewControl(TypePing, nil)
	if ping.Size() != 1 || ping.Packets() != 1 || ping.Compress() {
		t.Errorf("ping: size %d, packets %d, compress %t", ping.Size(), ping.Packets(), ping.Compress())
	}
	if HasBinary([]*Message{ping}) || !HasBinary([]*Message{ping, m}) {
		t.Error("HasBinary is wrong")
	}
}

func TestAppendPayload(t *testing.T) {
	t.Parallel()
	ms := []*Message{
		NewControl(TypePing, nil),
		NewMessage([]byte("h\U0001f600"), [][]byte{{1, 2, 3, 4}}, false),
		NewMessage([]byte("x"), nil, false),
	}
	for enc, want := range map[Encoding]string{
		Polling3:       "1:24:4h\U0001f60010:b4AQIDBA==2:4x",
		Polling3Binary: "\x00\x01\xff2\x00\x06\xff4h\U0001f600\x01\x05\xff\x04\x01\x02\x03\x04\x00\x02\xff4x",
		Polling4:       "2\x1e4h\U0001f600\x1ebAQIDBA==\x1e4x",
	} {
		if got := AppendPayload([]byte("before"), enc, ms); string(got) != "before"+want {
			t.Errorf("encoding %d:\n%q, want\n%q", enc, got, want)
		}
	}
	if got := AppendPayload(nil, Polling4, ms[:1]); string(got) != "2" {
		t.Errorf("one packet: %q", got)
	}
}

func TestBytesAreShared(t *testing.T) {
	t.Parallel()
	plain := NewMessage([]byte("hello"), nil, true)
	for _, enc := range []Encoding{WebSocket3, WebSocket3Base64, WebSocket4Base64, WebSocket3Deflate, WebSocket4Deflate} {
		if &plain.Bytes(enc)[0] != &plain.Bytes(WebSocket4)[0] {
			t.Errorf("text: encoding %d has bytes of its own", enc)
		}
	}
	long := NewMessage([]byte(strings.Repeat(hundred, 20)), nil, true)
	if &long.Bytes(WebSocket3Deflate)[0] != &long.Bytes(WebSocket4Deflate)[0] {
		t.Error("compressed text: the revisions do not share bytes")
	}
	binary := NewMessage([]byte("hello"), [][]byte{{1}}, true)
	if &binary.Bytes(WebSocket3)[0] != &binary.Bytes(WebSocket3Deflate)[0] {
		t.Error("binary too small to compress: bytes of its own")
	}
}

func TestBytesRendersOnce(t *testing.T) {
	t.Parallel()
	m := NewMessage([]byte(strings.Repeat(hundred, 20)), [][]byte{bytes.Repeat([]byte("ab"), 1000)}, true)
	const sessions = 16
	var got [sessions][WebSocket4Deflate + 1][]byte
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() {
			for enc := range got[i] {
				if (i+enc)%2 == 0 {
					m.Append(nil, Encoding(enc))
				}
				got[i][enc] = m.Bytes(Encoding(enc))
			}
		})
	}
	wg.Wait()
	for i := range sessions {
		for enc := range got[i] {
			if &got[i][enc][0] != &got[0][enc][0] {
				t.Fatalf("encoding %d was rendered twice", enc)
			}
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	binary := NewMessage([]byte(placeholders), [][]byte{{1, 2, 3}, {4, 5}}, true)
	long := NewMessage([]byte(strings.Repeat(hundred, 20)), nil, true)
	queue := []*Message{long, binary}
	dst := make([]byte, 0, 64<<10)
	for enc := Polling3; enc <= WebSocket4Deflate; enc++ {
		allocs := testing.AllocsPerRun(100, func() {
			for _, m := range queue {
				dst = m.Append(dst[:0], enc)
				m.Bytes(enc)
			}
			if enc <= Polling4 {
				dst = AppendPayload(dst[:0], enc, queue)
			}
		})
		if allocs != 0 {
			t.Errorf("encoding %d: %v allocations a broadcast", enc, allocs)
		}
	}
	allocs := testing.AllocsPerRun(100, func() {
		dst = NewMessage(long.text, nil, true).Append(dst[:0], WebSocket4)
	})
	if allocs > 1 {
		t.Errorf("a message for one session: %v allocations, want only itself", allocs)
	}
}

func TestBytesFitEstimatedSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		m := NewMessage(bytes.Repeat([]byte("a"), size), [][]byte{make([]byte, size), make([]byte, size)}, false)
		for enc := Polling3; enc <= WebSocket4Base64; enc++ {
			room, need := m.estimateSize(enc), len(m.Bytes(enc))
			if room < need || room > need+16*m.Packets() {
				t.Errorf("size %d, encoding %d: room for %d, needs %d", size, enc, room, need)
			}
		}
	}
}

// BenchmarkBroadcast measures one message to 10,000 sessions: its rendering, and for each
// session the copy into a write buffer.
func BenchmarkBroadcast(b *testing.B) {
	const sessions = 10_000
	b.ReportAllocs()
	text := []byte(`2["msg","` + hundred + `"]`)
	dst := make([]byte, 0, 4096)
	for b.Loop() {
		m := NewMessage(text, nil, false)
		for range sessions {
			dst = append(dst[:0], m.Bytes(WebSocket4)...)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sessions, "ns/session")
}

// BenchmarkRender measures the first rendering of a message, which is the only one.
func BenchmarkRender(b *testing.B) {
	for _, bench := range []struct {
		name     string
		encoding Encoding
		size     int
		binary   bool
	}{
		{"Frame/100B", WebSocket4, 1, false},
		{"Frame/10KB", WebSocket4, 100, false},
		{"FrameBinary/10KB", WebSocket4, 100, true},
		{"FrameBase64/10KB", WebSocket4Base64, 100, true},
		{"Deflate/10KB", WebSocket4Deflate, 100, false},
		{"Polling3/10KB", Polling3, 100, false},
		{"Polling4/10KB", Polling4, 100, false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			text := []byte(`2["msg","` + strings.Repeat(hundred, bench.size) + `"]`)
			var attachments [][]byte
			if bench.binary {
				attachments = [][]byte{text}
			}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				NewMessage(text, attachments, true).Bytes(bench.encoding)
			}
		})
	}
}

// BenchmarkAppend measures a message for one session.
func BenchmarkAppend(b *testing.B) {
	b.ReportAllocs()
	text := []byte(`31["` + hundred + `"]`)
	dst := make([]byte, 0, 4096)
	for b.Loop() {
		dst = NewMessage(text, nil, false).Append(dst[:0], WebSocket4)
	}
}
