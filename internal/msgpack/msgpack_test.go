package msgpack_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// loadCaptured returns messages that official senders published, by name.
func loadCaptured(t testing.TB) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/captured.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	messages := make(map[string]string)
	for s := bufio.NewScanner(f); s.Scan(); {
		name, text, _ := strings.Cut(s.Text(), " ")
		messages[name] = decodeHex(t, text)
	}
	return messages
}

func decodeHex(t testing.TB, text string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func readData(t testing.TB, message string) sio.Data {
	t.Helper()
	r := msgpack.NewReader(message)
	d := r.Data()
	if err := r.End(); err != nil {
		t.Fatalf("%x: %v", message, err)
	}
	return d
}

func TestReadsCapturedMessages(t *testing.T) {
	const opts = `,"nsp":"/"},{"rooms":["r1"],"except":[],"flags":{}}]`
	tests := map[string]string{
		"np3_simple":   `["g70-NQ",{"type":2,"data":["hello","world",42,{"a":1,"f":1.5}]` + opts,
		"np3_bin":      `["g70-NQ",{"type":2,"data":["bin",{"$binary":"AQID"},{"u":{"$binary":"BAU="}}]` + opts,
		"np3_ts32":     `["g70-NQ",{"type":2,"data":["d","2023-11-14T22:13:20.000Z"]` + opts,
		"np3_ts64":     `["g70-NQ",{"type":2,"data":["d","2023-11-14T22:13:20.123Z"]` + opts,
		"np3_ts96":     `["g70-NQ",{"type":2,"data":["d","1969-12-31T23:59:59.999Z"]` + opts,
		"np3_nan":      `["g70-NQ",{"type":2,"data":["d",null,null,null,9007199254740992,-9007199254740992,9223372036854775808]` + opts,
		"np2_undef":    `["g70-NQ",{"type":2,"data":["d",null,{}]` + opts,
		"np2_date":     `["g70-NQ",{"type":2,"data":["d","2023-11-14T22:13:20.123Z"]` + opts,
		"lite_date_u8": `["g70-NQ",{"type":2,"data":["d","2023-11-14T22:13:20.123Z",{"$binary":"BAU="}]` + opts,
		"intkeys":      `["x",{"type":2,"data":[{"1":"a","2":[]}],"nsp":"/"},{"rooms":[],"flags":{}}]`,
		"badutf8":      `["x",{"type":2,"data":["d","` + "\uFFFD" + `ab"],"nsp":"/"},{"rooms":[],"flags":{}}]`,
		"py_emptystr":  `["emitter",{"data":["d",1],"type":2,"nsp":"/"},{"flags":"","rooms":""}]`,
		"php_emptyarr": `["emitter",{"type":2,"data":["d",1],"nsp":"/"},{"rooms":[],"flags":[]}]`,
		"float32":      `["x",{"type":2,"data":["d",1.5],"nsp":"/"},{"rooms":[],"flags":{}}]`,
		"req7": `{"uid":"u","requestId":"r","type":7,"packet":{"type":2,"data":["q",1],"nsp":"/"},` +
			`"opts":{"rooms":[],"except":[],"flags":{"timeout":1000}}}`,
		"medium": `["g70-NQ",{"type":2,"data":["message",{"id":12345,"user":{"name":"Alice Example","id":"u_1234567",` +
			`"roles":["admin","editor"]},"text":"The quick brown fox jumps over the lazy dog, twice over.",` +
			`"ts":1700000000123,"tags":["a","b","c"],"meta":{"x":1.25,"y":-3.5,"ok":true,"n":null}}]` + opts,
	}
	for name, message := range loadCaptured(t) {
		t.Run(name, func(t *testing.T) {
			d := readData(t, message)
			want, known := tests[name]
			if !known {
				if name != "np2_arraybuffer" {
					t.Fatalf("no expectation for %s", name)
				}
				// notepack.io 2 sends the whole memory behind a typed array.
				if got, _ := d.Lookup("1", "data", "1"); !got.IsBinary() {
					t.Errorf("the typed array is %s", got)
				}
				return
			}
			if got := d.String(); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

// TestWritesAsNotepack reads the messages of notepack.io 3 and writes them again.
func TestWritesAsNotepack(t *testing.T) {
	messages := loadCaptured(t)
	for _, name := range []string{"np3_simple", "np3_bin", "medium", "req7", "intkeys", "py_emptystr", "php_emptyarr"} {
		want := messages[name]
		if name == "intkeys" { // JavaScript's keys are strings
			want = strings.Replace(want, "\x82\x01\xa1a\x02\x90", "\x82\xa11\xa1a\xa12\x90", 1)
		}
		got, err := msgpack.AppendData(nil, readData(t, messages[name]))
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n got %x\nwant %x", name, err, got, want)
		}
	}
}

func TestAppendDataWritesAsNotepack(t *testing.T) {
	long := strings.Repeat("x", 40)
	tests := []struct{ json, want string }{
		{`0`, "00"},
		{`-0`, "00"},
		{`127`, "7f"},
		{`128`, "cc80"},
		{`255`, "ccff"},
		{`256`, "cd0100"},
		{`65536`, "ce00010000"},
		{`4294967296`, "cf0000000100000000"},
		{`18446744073709551615`, "cfffffffffffffffff"},
		{`-1`, "ff"},
		{`-32`, "e0"},
		{`-33`, "d0df"},
		{`-128`, "d080"},
		{`-129`, "d1ff7f"},
		{`-32769`, "d2ffff7fff"},
		{`-2147483649`, "d3ffffffff7fffffff"},
		{`1.0`, "01"},
		{`1e3`, "cd03e8"},
		{`1.5`, "cb3ff8000000000000"},
		{`1e20`, "cb4415af1d78b58c40"},
		{`18446744073709551616`, "cb43f0000000000000"},
		{`1e999`, "cb7ff0000000000000"},
		{` true `, "c3"},
		{`false`, "c2"},
		{`null`, "c0"},
		{`""`, "a0"},
		{`"é"`, "a2c3a9"},
		{`"\u00e9\n\/\"\\\b\f\r\t"`, "aac3a90a2f225c080c0d09"},
		{`"\ud83d\ude00"`, "a4f09f9880"},
		{`"\ud83dx"`, "a4efbfbd78"},
		{`"\udc00\ud83d\ude00"`, "a7efbfbdf09f9880"},
		{`"` + long + `"`, "d928" + strings.Repeat("78", 40)},
		{`[]`, "90"},
		{`[1,[2,[]],{}]`, "9301920290" + "80"},
		{`{"a":[1],"b":{"c":null}}`, "82a1619101a16281a163c0"},
		{`[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14]`, "9f000102030405060708090a0b0c0d0e"},
		{`[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]`, "dc0010000102030405060708090a0b0c0d0e0f"},
		{`{"_placeholder":false,"num":0}`, "82ac5f706c616365686f6c646572c2a36e756d00"},
	}
	for _, tt := range tests {
		got, err := msgpack.AppendData([]byte{1}, sio.Data{JSON: []byte(tt.json)})
		if want := "\x01" + decodeHex(t, tt.want); err != nil || string(got) != want {
			t.Errorf("%s: %x, %v, want %x", tt.json, got, err, want)
		}
	}
}

func TestAppendDataAttachments(t *testing.T) {
	d := sio.Data{
		JSON:        []byte(`[{"_placeholder":true,"num":1},{"x":{"num":0,"\u005fplaceholder":true}}]`),
		Attachments: [][]byte{{1, 2}, nil},
	}
	got, err := msgpack.AppendData(nil, d)
	if want := decodeHex(t, "92c40081a178c4020102"); err != nil || string(got) != want {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
	for size, head := range map[int]string{255: "c4ff", 256: "c50100", 65536: "c600010000"} {
		d := sio.Data{JSON: []byte(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{make([]byte, size)}}
		got, err := msgpack.AppendData(nil, d)
		if err != nil || !bytes.HasPrefix(got, []byte(decodeHex(t, head))) || len(got) != size+len(head)/2 {
			t.Errorf("%d bytes: %x…, %v", size, got[:5], err)
		}
	}
}

func TestAppendDataRefuses(t *testing.T) {
	for _, text := range []string{
		``, ` `, `[`, `[1`, `[1,`, `[1,]`, `[,1]`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{1:2}`, `{"a" 1}`, `nul`, `tru`,
		`01`, `-`, `1.`, `1e`, `1e+`, `.5`, `+1`, `"`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", `1 2`, `[1]]`, "\"\xff\"",
		`{"_placeholder":true,"num":0}`, `{"_placeholder":true}`, `{"_placeholder":true,"num":-1}`, `{"_placeholder":true,"num":0.5}`,
		strings.Repeat("[", msgpack.MaxDepth+1) + strings.Repeat("]", msgpack.MaxDepth+1),
	} {
		got, err := msgpack.AppendData([]byte("x"), sio.Data{JSON: []byte(text)})
		if !errors.Is(err, msgpack.ErrInvalid) || string(got) != "x" {
			t.Errorf("%.40q: %x, %v", text, got, err)
		}
	}
	deep := strings.Repeat("[", msgpack.MaxDepth) + strings.Repeat("]", msgpack.MaxDepth)
	if _, err := msgpack.AppendData(nil, sio.Data{JSON: []byte(deep)}); err != nil {
		t.Error(err)
	}
}

func TestReaderData(t *testing.T) {
	tests := []struct{ message, want string }{
		{"cb7ff8000000000000", "null"},
		{"cb8000000000000000", "0"},
		{"cb444b1ae4d6e2ef50", "1e+21"},
		{"cb4415af1d78b58c40", "100000000000000000000"},
		{"cb3fb999999999999a", "0.1"},
		{"cb3e7ad7f29abcaf48", "1e-7"},
		{"cb3eb0c6f7a0b5ed8d", "0.000001"},
		{"cfffffffffffffffff", "18446744073709551615"},
		{"d08f", "-113"},
		{"d1ff7f", "-129"},
		{"d2ffff7fff", "-32769"},
		{"d38000000000000000", "-9223372036854775808"},
		{"d07f", "127"},
		{"e0", "-32"},
		{"a3e280a8", `"` + "\u2028" + `"`},
		{"a7001f225c7f0a09", `"\u0000\u001f\"\\` + "\x7f" + `\n\t"`},
		{"a3eda080", `"` + "\uFFFD\uFFFD\uFFFD" + `"`},
		{"d40000", "null"},
		{"92d4000001", "[null,1]"},
		{"83a161d40000a16201a163d40000", `{"b":1}`},
		{"d6ff00000000", `"1970-01-01T00:00:00.000Z"`},
		{"d7000000000000000000", `"1970-01-01T00:00:00.000Z"`},
		{"c7090dcb7ff8000000000000", "null"},
		{"d6ffffffffff", `"2106-02-07T06:28:15.000Z"`},
		{"d700001eb208c2dc0000", `"+275760-09-13T00:00:00.000Z"`},
		{"d700ffe14df73d240000", `"-271821-04-20T00:00:00.000Z"`},
		{"d700001eb208c2dc0001", "null"},
		{"c70c00000000000000000000000000", `{"$binary":"AAAAAAAAAAAAAAAA"}`},
		{"c708000102030405060708", `{"$binary":"AQIDBAUGBwg="}`},
		{"d51a0102", `{"$binary":"AQI="}`},
		{"d50a0102", `[10,{"$binary":"AQI="}]`},
		{"d5ff0102", `[-1,{"$binary":"AQI="}]`},
		{"82ac5f706c616365686f6c646572c2a36e756d00", `{"_placeholder":false,"num":0}`},
		{"81cb3ff800000000000001", `{"1.5":1}`},
	}
	for _, tt := range tests {
		if got := readData(t, decodeHex(t, tt.message)).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.message, got, tt.want)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	deep := strings.Repeat("91", msgpack.MaxDepth)
	tests := []string{
		"", "c1", "a1", "d9", "d901", "dbffffffff", "c4", "c6ffffffff00", "91", "ddffffffff", "dfffffffff", "dd7fffffff", "81", "81a161",
		"cb00", "cd00", "d3", "d4", "d400", "c7", "c7ff", "c7090dcb00", "c9ffffffff00", "c7010dc1", "c7020d0000", "0000", "81c001", "8190c0",
		"82ac5f706c616365686f6c646572c3a36e756d00", deep + "90",
		"9b" + strings.Repeat("c400", 11),
	}
	for _, text := range tests {
		r := msgpack.NewReader(decodeHex(t, text))
		r.Data()
		if err := r.End(); !errors.Is(err, msgpack.ErrInvalid) {
			t.Errorf("%.40s: no error but %v", text, err)
		}
	}
	readData(t, decodeHex(t, deep+"00"))
}

func TestReaderReadsEachKind(t *testing.T) {
	message, err := msgpack.AppendData(nil, sio.Data{JSON: []byte(`["text",7,-7,1.5,true,{"skip":[1,{"b":"x"}],"n":1},[["r"]],123,1e300,"` + strings.Repeat("y", 300) + `"]`)})
	if err != nil {
		t.Fatal(err)
	}
	r := msgpack.NewReader(string(message))
	if n := r.Array(); n != 10 || r.Kind() != msgpack.String {
		t.Fatalf("%d members, then %v", n, r.Kind())
	}
	if s := r.Text(); s != "text" {
		t.Errorf("text %q", s)
	}
	for _, want := range []int64{7, -7} {
		if n, ok := r.Int(); n != want || !ok {
			t.Errorf("int %d, %v", n, ok)
		}
	}
	if n, ok := r.Int(); ok {
		t.Errorf("1.5 is the integer %d", n)
	}
	if !r.Bool() || r.Map() != 2 {
		t.Error("bool, map")
	}
	r.Skip()
	r.Skip()
	r.Skip()
	r.Skip()
	if s := string(r.JSON()); s != `[["r"]]` {
		t.Errorf("json %s", s)
	}
	if s := r.Text(); s != "123" {
		t.Errorf("number as text %q", s)
	}
	if n, ok := r.Int(); ok {
		t.Errorf("1e300 is the integer %d", n)
	}
	r.Skip()
	if err := r.End(); err != nil {
		t.Error(err)
	}
	if r.Map() != 0 || r.Array() != 0 || r.Text() != "" || r.Bool() || r.Err() == nil {
		t.Error("there is something after the end")
	}
}

func TestReaderJSONHasBuffers(t *testing.T) {
	r := msgpack.NewReader(decodeHex(t, "92c4020aff82ac5f706c616365686f6c646572c3a36e756d00"))
	if got, want := string(r.JSON()), `[{"type":"Buffer","data":[10,255]},{"_placeholder":true,"num":0}]`; got != want || r.End() != nil {
		t.Errorf("%s, %v", got, r.Err())
	}
}

func TestAppendString(t *testing.T) {
	if got := string(msgpack.AppendString(nil, "a\xffb")); got != "\xa5a\uFFFDb" {
		t.Errorf("%x", got)
	}
	if got := string(msgpack.AppendStrings(nil, []string{"a", ""})); got != "\x92\xa1a\xa0" {
		t.Errorf("%x", got)
	}
}
