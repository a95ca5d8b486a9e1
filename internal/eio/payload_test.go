package eio

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// hundred is text of a hundred bytes, and also valid base64.
var hundred = strings.Repeat("0123456789", 10)

// placeholders is the text of an event with two attachments, <01 02 03> and
// <04 05>.
const placeholders = `52-["bin",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]`

// payloadCase is a body, its packets, and whether an error follows them.
type payloadCase struct {
	name string
	body string
	want []Packet
	bad  bool
}

func TestPacketsOfRevision4(t *testing.T) {
	t.Parallel()
	checkPayloads(t, V4, false, []payloadCase{
		{"one", "2probe", []Packet{newTextPacket(TypePing, "probe")}, false},
		{"text and binary", "4hello\x1ebAQIDBA==", []Packet{newTextPacket(TypeMessage, "hello"), newRawPacket("\x01\x02\x03\x04")}, false},
		{
			"an event with attachments", `42["a"]` + "\x1e4" + placeholders + "\x1ebAQID\x1ebBAU=",
			[]Packet{newTextPacket(TypeMessage, `2["a"]`), newTextPacket(TypeMessage, placeholders), newRawPacket("\x01\x02\x03"), newRawPacket("\x04\x05")},
			false,
		},
		{"beyond ASCII", "4h\u00e9\u20ac\U0001f600\x1e4x", []Packet{newTextPacket(TypeMessage, "h\u00e9\u20ac\U0001f600"), newTextPacket(TypeMessage, "x")}, false},
		{"close and what follows", "1\x1e4late", []Packet{newTextPacket(TypeClose, ""), newTextPacket(TypeMessage, "late")}, false},
		{"not UTF-8", "4a\xff\xe2\x82\x1e4b\xed\xa0\x80", []Packet{newTextPacket(TypeMessage, "a\ufffd\ufffd\ufffd"), newTextPacket(TypeMessage, "b\ufffd\ufffd\ufffd")}, false},

		{"nothing", "", nil, true},
		{"only a separator", "\x1e", nil, true},
		{"nothing at the end", "4a\x1e", []Packet{newTextPacket(TypeMessage, "a")}, true},
		{"nothing in between", "4a\x1e\x1e4b", []Packet{newTextPacket(TypeMessage, "a")}, true},
		{"an unknown type", "4a\x1eabc\x1e4b", []Packet{newTextPacket(TypeMessage, "a")}, true},
		{"bad base64", "4a\x1eb***\x1e4b", []Packet{newTextPacket(TypeMessage, "a")}, true},
		{"a payload of revision 3", "6:4hello", []Packet{newTextPacket(TypeNoop, ":4hello")}, false},
		{"gzip", "\x1f\x8b\x08\x00", nil, true},
	})
	checkPayloads(t, V4, true, []payloadCase{{"no binary payload", "4hello", nil, true}})
}

func TestPacketsOfRevision3(t *testing.T) {
	t.Parallel()
	checkPayloads(t, V3, false, []payloadCase{
		{"hello", "6:4hello", []Packet{newTextPacket(TypeMessage, "hello")}, false},
		{"ping", "1:2", []Packet{newTextPacket(TypePing, "")}, false},
		{"one unit of three bytes", "2:4\u20ac", []Packet{newTextPacket(TypeMessage, "\u20ac")}, false},
		{"a surrogate pair", "23:42[\"echo-back\",\"h\u00e9\u20ac\U0001f600\"]", []Packet{newTextPacket(TypeMessage, "2[\"echo-back\",\"h\u00e9\u20ac\U0001f600\"]")}, false},
		{"units behind each other", "3:4\U0001f6002:4\u20ac1:2", []Packet{newTextPacket(TypeMessage, "\U0001f600"), newTextPacket(TypeMessage, "\u20ac"), newTextPacket(TypePing, "")}, false},
		{"binary", "10:b4AQIDBA==", []Packet{newRawPacket("\x01\x02\x03\x04")}, false},
		{
			"an event with attachments", `18:420["echo","ack?"]6:b4AQID6:b4BA==10:421["bin"]`,
			[]Packet{newTextPacket(TypeMessage, `20["echo","ack?"]`), newRawPacket("\x01\x02\x03"), newRawPacket("\x04"), newTextPacket(TypeMessage, `21["bin"]`)},
			false,
		},
		{"no packets", "0:", nil, false},
		{"zero lengths are skipped", "0:1:20:", []Packet{newTextPacket(TypePing, "")}, false},
		{"leading zeros", "0000000006:4hello", []Packet{newTextPacket(TypeMessage, "hello")}, false},
		{"colons", "3:4::1:2", []Packet{newTextPacket(TypeMessage, "::"), newTextPacket(TypePing, "")}, false},
		{"not UTF-8", "3:4a\xff1:2", []Packet{newTextPacket(TypeMessage, "a\ufffd"), newTextPacket(TypePing, "")}, false},

		{"nothing", "", nil, true},
		{"no length", ":4", nil, true},
		{"no colon", "5", nil, true},
		{"a payload of revision 4", "4hello", nil, true},
		{"beyond the end", "7:4hello", nil, true},
		{"bytes for units", "4:4\u20ac", nil, true},
		{"half a surrogate pair", "2:4\U0001f600", nil, true},
		{"points for units", "2:4\U0001f6001:2", nil, true},
		{"a negative", "-1:", nil, true},
		{"a plus", "+1:2", nil, true},
		{"an exponent", "1e9:4", nil, true},
		{"hexadecimal", "0x5:4abcd", nil, true},
		{"a space", " 1:2", nil, true},
		{"a fraction", "1.0:2", nil, true},
		{"twenty digits", "99999999999999999999:4", nil, true},
		{"eleven digits", "00000000001:2", nil, true},
		{"the most that ten digits say", "9999999999:4", nil, true},
		{"what wraps around to one", "4294967297:2", nil, true},
		{"what is left over", "1:2x", []Packet{newTextPacket(TypePing, "")}, true},
		{"an unknown type", "1:21:x1:2", []Packet{newTextPacket(TypePing, "")}, true},
		{"bad base64", "6:b4***=", nil, true},
	})
}

func TestBinaryPacketsOfRevision3(t *testing.T) {
	t.Parallel()
	checkPayloads(t, V3, true, []payloadCase{
		{
			"hello and bytes", "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04",
			[]Packet{newTextPacket(TypeMessage, "hello"), newRawPacket("\x01\x02\x03\x04")},
			false,
		},
		{
			"lengths count bytes", "\x00\x02\x01\xff42[\"echo-back\",\"\u20ac\"]\x00\x01\xff2",
			[]Packet{newTextPacket(TypeMessage, "2[\"echo-back\",\"\u20ac\"]"), newTextPacket(TypePing, "")},
			false,
		},
		{
			"an event with attachments", "\x00\x04\x02\xff451-[\"echo\",{\"_placeholder\":true,\"num\":0}]\x01\x05\xff\x04\x01\x02\xff\x00",
			[]Packet{newTextPacket(TypeMessage, `51-["echo",{"_placeholder":true,"num":0}]`), newRawPacket("\x01\x02\xff\x00")},
			false,
		},
		{"base64 in it", "\x00\x06\xffb4AQID", []Packet{newRawPacket("\x01\x02\x03")}, false},
		{"empty bytes mean nothing", "\x01\x00\xff\x00\x01\xff2", []Packet{newTextPacket(TypeNoop, ""), newTextPacket(TypePing, "")}, false},
		{"not UTF-8", "\x00\x03\xff4a\xfe", []Packet{newTextPacket(TypeMessage, "a\ufffd")}, false},
		{"bytes are left alone", "\x01\x03\xff\x04a\xfe", []Packet{newRawPacket("a\xfe")}, false},
		{"nothing", "", nil, false},

		{"no end of the length", "\x00\x06", nil, true},
		{"only a mark", "\x00", nil, true},
		{"no length", "\x00\xff4hello", nil, true},
		{"a digit above nine", "\x00\x0a\xff4hello", nil, true},
		{"a digit of two hundred", "\x00\xc8\xff4hello", nil, true},
		{"digits of ASCII", "\x006\xff4hello", nil, true},
		{"four hundred digits", "\x00" + strings.Repeat("\x00", 400) + "\xff4", nil, true},
		{"what wraps around to one", "\x00\x04\x02\x09\x04\x09\x06\x07\x02\x09\x07\xff2", nil, true},
		{"beyond the end", "\x00\x07\xff4hello", nil, true},
		{"an unknown mark", "\x02\x01\xff2", nil, true},
		{"empty text", "\x00\x00\xff", nil, true},
		{"a text payload", "6:4hello", nil, true},
		{"what is left over", "\x00\x01\xff2\x00", []Packet{newTextPacket(TypePing, "")}, true},
		{"an unknown type", "\x00\x01\xff2\x01\x01\xff\x09\x00\x01\xff2", []Packet{newTextPacket(TypePing, "")}, true},
	})
}

func checkPayloads(t *testing.T, v Version, binary bool, tests []payloadCase) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := collectPackets([]byte(test.body), binary, v)
			if (err != nil) != test.bad || err != nil && !errors.Is(err, ErrPacket) {
				t.Errorf("error is %v", err)
			}
			checkPackets(t, got, test.want)
		})
	}
}

func TestPacketsStopsAtBreak(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		body   string
		binary bool
		v      Version
	}{{"2\x1e2\x1e2", false, V4}, {"1:21:21:2", false, V3}, {"\x00\x01\xff2\x00\x01\xff2", true, V3}} {
		seen := 0
		for range Packets([]byte(test.body), test.binary, test.v) {
			seen++
			break
		}
		if seen != 1 {
			t.Errorf("%q: %d packets after a break", test.body, seen)
		}
	}
}

// A body at the limit, full of the smallest packets, costs as much memory as a body with
// one packet.
func TestPacketsAllocateNothingPerPacket(t *testing.T) {
	for _, test := range []struct {
		name   string
		body   string
		binary bool
		v      Version
		want   int
	}{
		{"revision 4", strings.Repeat("6\x1e", 1<<15) + "6", false, V4, 1<<15 + 1},
		{"revision 3", strings.Repeat("1:6", 1<<15), false, V3, 1 << 15},
		{"revision 3 empty", strings.Repeat("0:", 1<<15), false, V3, 0},
		{"revision 3 binary", strings.Repeat("\x00\x01\xff6", 1<<15), true, V3, 1 << 15},
		{"separators", strings.Repeat("\x1e", 1<<15), false, V4, 1},
		{"digits", strings.Repeat("1", 1<<15), false, V3, 1},
		{"a length of 999999999", "999999999:4", false, V3, 1},
	} {
		body := []byte(test.body)
		allocs := testing.AllocsPerRun(1, func() {
			n := 0
			for range Packets(body, test.binary, test.v) {
				n++
			}
			if n != test.want {
				t.Errorf("%s: %d packets, want %d", test.name, n, test.want)
			}
		})
		if allocs > 4 {
			t.Errorf("%s: %v allocations", test.name, allocs)
		}
	}
}

func BenchmarkPackets(b *testing.B) {
	ms := makeSlice(100, func() *Message { return NewMessage([]byte(`2["msg","`+hundred+`"]`), nil, true) })
	for _, bench := range []struct {
		name     string
		encoding Encoding
		version  Version
	}{{"V4", Polling4, V4}, {"V3", Polling3, V3}, {"V3Binary", Polling3Binary, V3}} {
		b.Run(bench.name, func(b *testing.B) {
			body := AppendPayload(nil, bench.encoding, ms)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range Packets(body, bench.encoding == Polling3Binary, bench.version) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// collectPackets reads all packets of a body until the error. It fails on packets with an
// error, or after one.
func collectPackets(body []byte, binary bool, v Version) (packets []Packet, err error) {
	for p, e := range Packets(body, binary, v) {
		switch {
		case err != nil:
			return packets, errors.New("a packet after an error")
		case e != nil:
			err = e
			if p.Type != 0 || p.Binary || p.Data != nil {
				return packets, errors.New("a packet with an error")
			}
		case !p.Binary && !utf8.Valid(p.Data):
			return packets, errors.New("text that is not UTF-8")
		default:
			packets = append(packets, p)
		}
	}
	return packets, err
}

func checkPackets(t testing.TB, got, want []Packet) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d packets, want %d: %+v", len(got), len(want), got)
	}
	for i := range want {
		checkPacket(t, got[i], want[i])
	}
}

func equalPackets(a, b []Packet) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type || a[i].Binary != b[i].Binary || !bytes.Equal(a[i].Data, b[i].Data) {
			return false
		}
	}
	return true
}

func makeSlice[T any](n int, make func() T) (s []T) {
	for range n {
		s = append(s, make())
	}
	return s
}
