package sio

import (
	"bytes"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

func BenchmarkDecode(b *testing.B) {
	benchmarks := map[string]eio.Packet{
		"event":     newTextMessage(`2["message","hello world"]`),
		"namespace": newTextMessage(`2/chat,12["message",{"to":"lobby","text":"hello world","n":1}]`),
	}
	for name, m := range benchmarks {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(m.Data)))
			var d Decoder
			for b.Loop() {
				if _, complete, err := d.Add(m); !complete || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("binary", func(b *testing.B) {
		b.ReportAllocs()
		text, attachment := newTextMessage(`51-["message",`+placeholder0+`]`), newBinaryMessage(strings.Repeat("x", 100))
		var d Decoder
		for b.Loop() {
			d.Add(text)
			if _, complete, err := d.Add(attachment); !complete || err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("large", func(b *testing.B) {
		b.ReportAllocs()
		item := `{"id":12345,"name":"some name","tags":["a","b"],"text":"` + strings.Repeat("lorem ipsum ", 20) + `"},`
		m := newTextMessage(`2["message",[` + strings.Repeat(item, 300) + `null]]`)
		b.SetBytes(int64(len(m.Data)))
		var d Decoder
		for b.Loop() {
			if _, complete, err := d.Add(m); !complete || err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEvent(b *testing.B) {
	p := Packet{Type: Event, Data: newData(`["message","hello world"]`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Event(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	packets := map[string]Packet{
		"event":  {Type: Event, Namespace: "/chat", Data: newData(`["message","hello world"]`)},
		"binary": {Type: Event, Data: newData(`["message",`+placeholder0+`]`, string(bytes.Repeat([]byte("x"), 100)))},
	}
	for name, p := range packets {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Encode(V5, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMarshal(b *testing.B) {
	values := map[string]any{
		"text":   []any{"hello", 1, map[string]any{"a": true}},
		"binary": []any{"hello", []byte("some bytes")},
	}
	for name, v := range values {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Marshal(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	d := newData(`[{"to":"lobby","user":{"name":"ada","id":7}},"hello"]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := d.Lookup("0", "user", "id"); !ok {
			b.Fatal("not found")
		}
	}
}

func TestPacketsAllocateLittle(t *testing.T) {
	text := newTextMessage(`2["message","hello world"]`)
	event := Packet{Type: Event, Namespace: "/chat", Data: newData(`["message","hello world"]`)}
	var d Decoder
	for name, c := range map[string]struct {
		most float64
		run  func()
	}{
		"decode": {1, func() { _, _, _ = d.Add(text) }},
		"encode": {2, func() { _, _ = event.Encode(V5, false) }},
	} {
		if n := testing.AllocsPerRun(100, c.run); n > c.most {
			t.Errorf("%s: %v allocations, at most %v may be", name, n, c.most)
		}
	}
}
