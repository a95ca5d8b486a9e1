package eio

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "4", `42["a"]`, "2probe", "3probe", "7", "/", "b", "b4", "b4AQID", "bAQIDBA==", "bAQIDBA", "b***",
		"\x04\x01\x02", "\x02", "\xff", "4\xed\xa0\x80",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		for _, v := range []Version{V3, V4} {
			p, err := Parse(data, binary, v)
			if err != nil {
				if !errors.Is(err, ErrPacket) || p.Data != nil {
					t.Fatalf("%+v, %v", p, err)
				}
				continue
			}
			if p.Type > TypeNoop || p.Binary && p.Type != TypeMessage || len(p.Data) > len(data) {
				t.Fatalf("packet %+v of %q", p, data)
			}
		}
	})
}

func FuzzPackets(f *testing.F) {
	for _, seed := range []string{
		"", "0:", "6:4hello", "1:21:2", "2:4\u20ac", "3:4\U0001f600", "2:4\U0001f600", "10:b4AQIDBA==", "-1:", "1e9:4", "0x5:4abcd",
		"99999999999999999999:4", "9999999999:4", "4hello\x1ebAQIDBA==", "\x1e\x1e", "4a\x1e", "4\xff", "2:4\xff", "1:\xf0",
		"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", "\x00\xff", "\x01\x00\xff", "\x00\x0a\xff4",
		"\x00\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff4",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		got, err := collectPackets(body, false, V3)
		want, bad := readPayload3Naively(body)
		if !equalPackets(got, want) || (err != nil) != bad {
			t.Fatalf("%q: %+v, %v;\nwant %+v, error %t", body, got, err, want, bad)
		}
		for _, read := range []struct {
			binary bool
			v      Version
		}{{false, V3}, {true, V3}, {false, V4}, {true, V4}} {
			if _, err := collectPackets(body, read.binary, read.v); err != nil && !errors.Is(err, ErrPacket) {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
	})
}

// FuzzMessage renders a message in each encoding, and reads the result.
func FuzzMessage(f *testing.F) {
	f.Add("", []byte(nil), []byte(nil))
	f.Add(placeholders, []byte{1, 2, 3}, []byte{4, 5})
	f.Add("h\u00e9\u20ac\U0001f600 and eight more", []byte{}, []byte("\x1e4:"))
	f.Add(strings.Repeat("\U0001f600abcdefg", 300), bytes.Repeat([]byte{0, 1}, 600), []byte{0xff})
	f.Fuzz(func(t *testing.T, text string, a, b []byte) {
		text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x1e", ""), "")
		if n := len(utf16.Encode([]rune(text))); countUnits([]byte(text)) != n {
			t.Fatalf("%q has %d code units, counted %d", text, n, countUnits([]byte(text)))
		}
		m := NewMessage([]byte(text), [][]byte{a, b}, true)
		last := NewMessage([]byte(text), nil, true)
		want := append(expectedPackets(m), expectedPackets(last)...)
		for enc := Polling3; enc <= WebSocket4Deflate; enc++ {
			v := V3
			if enc == Polling4 || enc == WebSocket4 || enc == WebSocket4Base64 || enc == WebSocket4Deflate {
				v = V4
			}
			var got []Packet
			var err error
			if enc <= Polling4 {
				got, err = collectPackets(AppendPayload(nil, enc, []*Message{m, last}), enc == Polling3Binary, v)
			} else {
				for _, frame := range readFrames(t, last.Append(m.Append(nil, enc), enc)) {
					var p Packet
					if p, err = Parse(frame.data, frame.binary, v); err != nil {
						break
					}
					got = append(got, p)
				}
			}
			if err != nil || !equalPackets(got, want) {
				t.Fatalf("encoding %d: %+v, %v;\nwant %+v", enc, got, err, want)
			}
			if !bytes.Equal(m.Append(nil, enc), m.Bytes(enc)) {
				t.Fatalf("encoding %d: Append and Bytes differ", enc)
			}
		}
	})
}

// readPayload3Naively reads a text payload of revision 3 as JavaScript does: as an array
// of code units, in the simplest way.
func readPayload3Naively(body []byte) (packets []Packet, bad bool) {
	units := utf16.Encode([]rune(string(body)))
	if len(units) == 0 {
		return nil, true
	}
	for len(units) > 0 {
		var length uint64
		digits := 0
		for digits < len(units) && units[digits] >= '0' && units[digits] <= '9' && digits < maxDigits {
			length = length*10 + uint64(units[digits]-'0')
			digits++
		}
		units = units[digits:]
		if digits == 0 || len(units) == 0 || units[0] != ':' || uint64(len(units)-1) < length {
			return packets, true
		}
		record := units[1 : 1+length]
		units = units[1+length:]
		if length == 0 {
			continue
		}
		if last := record[length-1]; last >= 0xd800 && last < 0xdc00 {
			return packets, true // half of a surrogate pair
		}
		var text []byte
		for _, r := range utf16.Decode(record) {
			text = utf8.AppendRune(text, r)
		}
		p, err := Parse(text, false, V3)
		if err != nil {
			return packets, true
		}
		packets = append(packets, p)
	}
	return packets, false
}
