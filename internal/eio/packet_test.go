package eio

import (
	"errors"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		data   string
		binary bool
		v      Version
		want   Packet
	}{
		{"message", `42["a"]`, false, V4, newTextPacket(TypeMessage, `2["a"]`)},
		{"message of revision 3", `42["a"]`, false, V3, newTextPacket(TypeMessage, `2["a"]`)},
		{"message without data", "4", false, V4, newTextPacket(TypeMessage, "")},
		{"open", "0{}", false, V4, newTextPacket(TypeOpen, "{}")},
		{"close", "1", false, V4, newTextPacket(TypeClose, "")},
		{"ping", "2", false, V3, newTextPacket(TypePing, "")},
		{"probing ping", "2probe", false, V4, newTextPacket(TypePing, "probe")},
		{"pong", "3", false, V4, newTextPacket(TypePong, "")},
		{"upgrade", "5", false, V4, newTextPacket(TypeUpgrade, "")},
		{"noop", "6", false, V3, newTextPacket(TypeNoop, "")},
		{"separator inside a frame", "4a\x1e4b", false, V4, newTextPacket(TypeMessage, "a\x1e4b")},

		{"binary", "\x01\x02\x03", true, V4, newRawPacket("\x01\x02\x03")},
		{"binary that looks like text", "b4", true, V4, newRawPacket("b4")},
		{"empty binary", "", true, V4, newRawPacket("")},
		{"binary of revision 3", "\x04\x01\x02\x03", true, V3, newRawPacket("\x01\x02\x03")},
		{"only a type", "\x04", true, V3, newRawPacket("")},
		{"binary ping", "\x02x", true, V3, newTextPacket(TypePing, "x")},
		{"empty binary means nothing", "", true, V3, newTextPacket(TypeNoop, "")},

		{"base64", "bAQIDBA==", false, V4, newRawPacket("\x01\x02\x03\x04")},
		{"base64 without padding", "bAQIDBA", false, V4, newRawPacket("\x01\x02\x03\x04")},
		{"base64 that needs none", "bAQID", false, V4, newRawPacket("\x01\x02\x03")},
		{"base64 of nothing", "b", false, V4, newRawPacket("")},
		{"base64 of revision 3", "b4AQIDBA==", false, V3, newRawPacket("\x01\x02\x03\x04")},
		{"revision 3 without padding", "b4AQIDBA", false, V3, newRawPacket("\x01\x02\x03\x04")},
		{"base64 of nothing on revision 3", "b4", false, V3, newRawPacket("")},
		{"base64 ping", "b2", false, V3, newTextPacket(TypePing, "")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse([]byte(test.data), test.binary, test.v)
			if err != nil {
				t.Fatal(err)
			}
			checkPacket(t, got, test.want)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		data   string
		binary bool
		v      Version
	}{
		{"nothing", "", false, V4},
		{"nothing on revision 3", "", false, V3},
		{"the type after the last", "7", false, V4},
		{"the byte before zero", "/", false, V4},
		{"a letter", "abc", false, V3},
		{"a raw type", "\x04a", false, V4},
		{"a high byte", "\xff", false, V4},
		{"base64 with a bad character", "b***", false, V4},
		{"base64 with the alphabet of URLs", "b-_-_", false, V4},
		{"base64 that is cut", "bAQIDB", false, V4},
		{"base64 with too much padding", "bAQIDBA===", false, V4},
		{"base64 with too little padding", "bAQIDBA=", false, V4},
		{"base64 with padding inside", "bAQ==AQ==", false, V4},
		{"base64 with line breaks", "bAQ\nI\rD", false, V4},
		{"base64 without a type", "b", false, V3},
		{"base64 of another type", "b5", false, V3},
		{"base64 of a bad type", "b/", false, V3},
		{"bad base64 on revision 3", "b4***", false, V3},
		{"a binary digit", "4a", true, V3},
		{"a binary close", "\x01", true, V3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse([]byte(test.data), test.binary, test.v)
			if !errors.Is(err, ErrPacket) {
				t.Fatalf("Parse(%q) = %+v, %v; want ErrPacket", test.data, got, err)
			}
			checkPacket(t, got, Packet{})
		})
	}
}

func TestParseAliasesItsInput(t *testing.T) {
	t.Parallel()
	data := []byte("4abc")
	p, err := Parse(data, false, V4)
	if err != nil {
		t.Fatal(err)
	}
	if &p.Data[0] != &data[1] {
		t.Error("the data is a copy")
	}
}

func TestTypeString(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Type]string{
		TypeOpen: "open", TypeClose: "close", TypePing: "ping", TypePong: "pong",
		TypeMessage: "message", TypeUpgrade: "upgrade", TypeNoop: "noop", 7: "Type(7)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("Type %d is %q, want %q", byte(kind), got, want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for name, data := range map[string]string{
		"Text":   `42["msg","` + hundred + `"]`,
		"Base64": "b" + hundred,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			input := []byte(data)
			for b.Loop() {
				if _, err := Parse(input, false, V4); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// newTextPacket and newRawPacket return expected packets.
func newTextPacket(kind Type, data string) Packet { return Packet{Type: kind, Data: []byte(data)} }

func newRawPacket(data string) Packet {
	return Packet{Type: TypeMessage, Binary: true, Data: []byte(data)}
}

func checkPacket(t testing.TB, got, want Packet) {
	t.Helper()
	if got.Type != want.Type || got.Binary != want.Binary || string(got.Data) != string(want.Data) {
		t.Errorf("packet is %v, binary %t, %q;\nwant %v, binary %t, %q",
			got.Type, got.Binary, got.Data, want.Type, want.Binary, want.Data)
	}
}
