package msgpack_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// FuzzReader reads any bytes. A result must be data that package sio accepts, must not be
// much larger than the message, and must be the same after a round trip.
func FuzzReader(f *testing.F) {
	for _, message := range loadCaptured(f) {
		f.Add([]byte(message))
	}
	f.Add([]byte("\xdd\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, message []byte) {
		skipped := msgpack.NewReader(string(message))
		skipped.Skip()
		r := msgpack.NewReader(string(message))
		d := r.Data()
		if err := r.End(); err != nil {
			return
		}
		if err := skipped.End(); err != nil {
			t.Fatalf("can be read but not skipped: %v", err)
		}
		if d.Size() > 30*len(message)+30 {
			t.Fatalf("%d bytes became %d", len(message), d.Size())
		}
		if _, err := d.MarshalJSON(); err != nil {
			t.Fatalf("%s: %v", d.JSON, err)
		}
		again, err := msgpack.AppendData(nil, d)
		if err != nil {
			t.Fatalf("%s: %v", d.JSON, err)
		}
		if back := readData(t, string(again)); back.String() != d.String() {
			t.Fatalf("%s became %s", d, back)
		}
	})
}

// FuzzAppendData translates any text. AppendData must accept exactly valid JSON, and
// reading the result must return the same value.
func FuzzAppendData(f *testing.F) {
	f.Add([]byte(`["a",1,-1.5e3,true,null,{"b":[],"c":"\ud83d\ude00\u0000"}]`))
	f.Add([]byte(`[{"_placeholder":true,"num":0}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d := sio.Data{JSON: text, Attachments: [][]byte{{1, 2, 3}}}
		message, err := msgpack.AppendData(nil, d)
		if err != nil {
			if valid := new(sio.Data).UnmarshalJSON(text) == nil; valid && !bytes.Contains(text, []byte("placeholder")) {
				t.Fatalf("%s: %v", text, err)
			}
			return
		}
		r := msgpack.NewReader(string(message))
		got := r.JSON()
		if err := r.End(); err != nil {
			t.Fatalf("%s became %x: %v", text, message, err)
		}
		if bytes.Contains(text, []byte("placeholder")) || bytes.Contains(text, []byte(`\u`)) {
			return
		}
		var in, out any
		if json.Unmarshal(text, &in) != nil || json.Unmarshal(got, &out) != nil {
			return // a number out of range
		}
		a, _ := json.Marshal(in)
		b, _ := json.Marshal(out)
		if !bytes.Equal(a, b) && !bytes.Contains(a, []byte("-0")) {
			t.Fatalf("%s became %s", a, b)
		}
	})
}

func BenchmarkReaderData(b *testing.B) {
	message := loadCaptured(b)["medium"]
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if d := msgpack.NewReader(message).Data(); len(d.JSON) == 0 {
			b.Fatal("no data")
		}
	}
}

func BenchmarkAppendData(b *testing.B) {
	d := readData(b, loadCaptured(b)["medium"])
	var dst []byte
	b.SetBytes(int64(d.Size()))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = msgpack.AppendData(dst[:0], d); err != nil {
			b.Fatal(err)
		}
	}
}

func TestReadersAllocateLittle(t *testing.T) {
	message := loadCaptured(t)["medium"]
	if n := testing.AllocsPerRun(100, func() { msgpack.NewReader(message).Data() }); n > 3 {
		t.Errorf("%v allocations, at most 3 may be", n)
	}
}
