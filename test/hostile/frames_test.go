package hostile_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Statuses of close frames.
const (
	goingWell     = 1000
	protocolError = 1002
	badPayload    = 1007
	policy        = 1008
	tooBig        = 1009
)

// buildFrameHead returns the head of a frame with a size of 8 bytes and a mask. masked is 0x80
// for a client's frame. The payload may never follow.
func buildFrameHead(first byte, masked byte, size uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{first, masked | 127}, size), 1, 2, 3, 4)
}

// buildCloseFrame returns a close frame.
func buildCloseFrame(status uint16, reason string) []byte {
	return maskFrame(fin|opClose, append(binary.BigEndian.AppendUint16(nil, status), reason...))
}

func TestBrokenFrames(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 100<<20)
	text := []byte(`42["x"]`)
	tests := map[string]struct {
		sent   []byte
		status int
	}{
		"unmasked":                  {append([]byte{fin | opText, byte(len(text))}, text...), protocolError},
		"reserved bit 1":            {maskFrame(fin|rsv1|opText, text), protocolError},
		"reserved bit 2":            {maskFrame(fin|0x20|opText, text), protocolError},
		"reserved bit 3":            {maskFrame(fin|0x10|opText, text), protocolError},
		"all reserved bits":         {maskFrame(fin|0x70|opText, text), protocolError},
		"reserved bit of a ping":    {maskFrame(fin|rsv1|opPing, nil), protocolError},
		"a continuation of nothing": {maskFrame(fin|opContinue, text), protocolError},
		"an open continuation":      {maskFrame(opContinue, text), protocolError},
		"two beginnings":            {append(maskFrame(opText, text), maskFrame(fin|opText, text)...), protocolError},
		"binary within text":        {append(maskFrame(opText, text), maskFrame(opBinary, text)...), protocolError},
		"a ping in parts":           {maskFrame(opPing, text), protocolError},
		"a close in parts":          {maskFrame(opClose, nil), protocolError},
		"a large ping":              {maskFrame(fin|opPing, make([]byte, 126)), protocolError},
		"a large pong":              {maskFrame(fin|opPong, make([]byte, 126)), protocolError},
		"a large close":             {buildCloseFrame(goingWell, strings.Repeat("x", 124)), protocolError},
		"a huge ping":               {buildFrameHead(fin|opPing, 0x80, 1<<40), protocolError},
		"a close of one byte":       {maskFrame(fin|opClose, []byte{3}), protocolError},
		"a size of 2^63":            {buildFrameHead(fin|opText, 0x80, 1<<63), 0},
		"a size of 2^64-1":          {buildFrameHead(fin|opBinary, 0x80, 1<<64-1), 0},
		"a size of 2^62":            {buildFrameHead(fin|opText, 0x80, 1<<62), tooBig},
		"a size of 1 GB":            {buildFrameHead(fin|opBinary, 0x80, 1<<30), tooBig},
		"one byte too many":         {buildFrameHead(fin|opText, 0x80, 1_000_001), tooBig},
		"HTTP":                      {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), protocolError},
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		tests[fmt.Sprintf("opcode %x", op)] = struct {
			sent   []byte
			status int
		}{maskFrame(fin|op, nil), protocolError}
	}
	for _, status := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		tests[fmt.Sprintf("close %d", status)] = struct {
			sent   []byte
			status int
		}{buildCloseFrame(status, ""), protocolError}
	}
	for name, test := range tests {
		statuses := []int{test.status}
		if test.status == 0 { // the size is both invalid and too large
			statuses = []int{protocolError, tooBig}
		}
		t.Run(name, func(t *testing.T) {
			w := sharedProcess.openMember(t, "/socket.io/")
			w.writeRaw(test.sent)
			w.wantClosed(statuses...)
			wantClosedEarly(t, "/socket.io/", "", test.sent, statuses...)
		})
		if name == "reserved bit 1" {
			continue // with compression the bit is valid
		}
		t.Run(name+", with compression", func(t *testing.T) {
			w := sharedProcess.openCompressed(t)
			w.writeRaw(test.sent)
			w.wantClosed(statuses...)
			wantClosedEarly(t, "/packed/", offerDeflate, test.sent, statuses...)
		})
	}
}

// wantClosedEarly sends frames in the segment of the handshake, and checks the status of the
// close frame.
func wantClosedEarly(t *testing.T, path, header string, sent []byte, statuses ...int) {
	t.Helper()
	w, err := sharedProcess.dialWebSocket(path+"?EIO=4&transport=websocket", header, sent)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.t = t
	w.wantClosed(statuses...)
}

// TestReservedBitOfCompression sets RSV1 in frames that must not have it. Only the first frame
// of a message may.
func TestReservedBitOfCompression(t *testing.T) {
	sharedProcess.startObserver(t)
	plain, packed := []byte(`42["x"]`), deflateData([]byte(`42["unknown","`+strings.Repeat("x", 100)+`"]`))
	for name, sent := range map[string][]byte{
		"a continuation":                append(maskFrame(opText, plain), maskFrame(fin|rsv1|opContinue, plain)...),
		"a continuation that goes on":   append(maskFrame(opText, plain), maskFrame(rsv1|opContinue, plain)...),
		"an empty continuation":         append(maskFrame(opText, plain), maskFrame(fin|rsv1|opContinue, nil)...),
		"a continuation of compression": append(maskFrame(rsv1|opText, packed[:9]), maskFrame(fin|rsv1|opContinue, packed[9:])...),
		"a continuation of nothing":     maskFrame(fin|rsv1|opContinue, plain),
		"a ping":                        maskFrame(fin|rsv1|opPing, plain),
		"a ping within a message":       append(maskFrame(rsv1|opText, packed[:9]), maskFrame(fin|rsv1|opPing, nil)...),
		"a pong":                        maskFrame(fin|rsv1|opPong, nil),
		"a close":                       maskFrame(fin|rsv1|opClose, []byte{3, 0xe8}),
		"after a longer message":        append(maskFrame(fin|opText, []byte("6"+strings.Repeat("x", 200))), maskFrame(fin|rsv1|opPing, nil)...),
		"after a large message":         append(maskFrame(fin|opText, []byte("6"+strings.Repeat("x", 70_000))), maskFrame(fin|rsv1|opPing, nil)...),
	} {
		t.Run(name, func(t *testing.T) {
			w := sharedProcess.openCompressed(t)
			w.writeRaw(sent)
			w.wantClosed(protocolError)
			wantClosedEarly(t, "/packed/", offerDeflate, sent, protocolError)
			byByte := sharedProcess.openCompressed(t)
			if len(sent) < 1_000 {
				for i := range sent {
					byByte.writeRaw(sent[i : i+1])
				}
				byByte.wantClosed(protocolError)
			}
		})
	}
	w := sharedProcess.openCompressed(t)
	w.writeRaw(maskFrame(rsv1|opText, packed[:9]))
	w.writeRaw(maskFrame(fin|opPing, nil))
	w.writeRaw(maskFrame(opContinue, packed[9:20]))
	w.writeRaw(maskFrame(fin|opContinue, packed[20:]))
	w.wantAlive()
}

// TestOffersOfCompression proves that the server accepts the first valid offer.
func TestOffersOfCompression(t *testing.T) {
	sharedProcess.startObserver(t)
	const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for offers, want := range map[string]string{
		"permessage-deflate":                                                                          plain,
		"permessage-deflate; client_max_window_bits":                                                  plain,
		`permessage-deflate;client_max_window_bits="8"`:                                               plain,
		"permessage-deflate; client_max_window_bits=15; client_no_context_takeover":                   plain,
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover":                  plain,
		`permessage-deflate ; server_max_window_bits = "1\5"`:                                         plain + "; server_max_window_bits=15",
		"permessage-deflate; unknown, permessage-deflate":                                             plain,
		`x; a="b", , permessage-deflate; server_max_window_bits=10, permessage-deflate`:               plain,
		"permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=15": plain + "; server_max_window_bits=15",

		"permessage-deflate; unknown":                                                "",
		"permessage-deflate; server_no_context_takeover=1":                           "",
		"permessage-deflate; client_no_context_takeover=true":                        "",
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover": "",
		"permessage-deflate; client_max_window_bits; client_max_window_bits=10":      "",
		"permessage-deflate; client_max_window_bits=7":                               "",
		"permessage-deflate; client_max_window_bits=16":                              "",
		"permessage-deflate; client_max_window_bits=08":                              "",
		"permessage-deflate; client_max_window_bits=":                                "",
		`permessage-deflate; client_max_window_bits=""`:                              "",
		`permessage-deflate; client_max_window_bits=" 8"`:                            "",
		`permessage-deflate; client_max_window_bits="8`:                              "",
		"permessage-deflate; client_max_window_bits=x":                               "",
		"permessage-deflate; server_max_window_bits":                                 "",
		"permessage-deflate; server_max_window_bits=10":                              "",
		"permessage-deflate; server_max_window_bits=015":                             "",
		"permessage-deflate;":                                                        "",
		"permessage-deflate x":                                                       "",
		"permessage-deflate=1":                                                       "",
		"permessage-deflate2":                                                        "",
		`x; a=", permessage-deflate`:                                                 "",
		"x-webkit-deflate-frame":                                                     "",
	} {
		header := "Sec-WebSocket-Extensions: " + strings.ReplaceAll(offers, ", permessage", "\r\nSec-WebSocket-Extensions: permessage") + "\r\n"
		for _, header := range []string{"Sec-WebSocket-Extensions: " + offers + "\r\n", header} {
			a := sharedProcess.tryUpgrade(t, "/packed/?EIO=4&transport=websocket", header)
			if got := a.header.Get("Sec-WebSocket-Extensions"); a.status != 101 || got != want {
				t.Errorf("%s: got %d %q, want %q", header, a.status, got, want)
			}
			if a := sharedProcess.tryUpgrade(t, "/socket.io/?EIO=4&transport=websocket", header); a.header.Get("Sec-WebSocket-Extensions") != "" {
				t.Errorf("%s is accepted without compression", header)
			}
		}
	}
}

func TestGoodCloses(t *testing.T) {
	for _, status := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		w := sharedProcess.openMember(t, "/socket.io/")
		w.writeRaw(buildCloseFrame(status, "κόσμε"))
		w.wantClosed(int(status))
	}
	w := sharedProcess.openMember(t, "/socket.io/")
	w.writeRaw(maskFrame(fin|opClose, nil))
	w.wantClosed(noStatus)
}

// invalidUTF8 holds invalid sequences in hex: the classes of RFC 3629 that Autobahn's cases 6.*
// cover.
var invalidUTF8 = map[string]string{
	"surrogate half":             "cebae1bdb9cf83cebcceb5eda080656469746564",
	"lone continuation":          "80",
	"last continuation":          "bf",
	"two continuations":          "80bf",
	"all continuations":          "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0",
	"lone start of two":          "c020",
	"lone start of three":        "e020",
	"lone start of four":         "f020",
	"two starts":                 "dfef",
	"missing last of two":        "c3",
	"missing last of three":      "e282",
	"missing last of four":       "f09f98",
	"impossible fe":              "fe",
	"impossible ff":              "ff",
	"both impossible":            "fefeffff",
	"overlong slash in two":      "c0af",
	"overlong slash in three":    "e080af",
	"overlong slash in four":     "f08080af",
	"overlong slash in five":     "f8808080af",
	"overlong slash in six":      "fc80808080af",
	"largest overlong of two":    "c1bf",
	"largest overlong of three":  "e09fbf",
	"largest overlong of four":   "f08fbfbf",
	"overlong null":              "c080",
	"overlong null in four":      "f0808080",
	"five bytes":                 "f888808080",
	"six bytes":                  "fc8480808080",
	"beyond the last code point": "f4908080",
	"high surrogate":             "eda080",
	"low surrogate":              "edbfbf",
	"a pair of surrogates":       "eda080edb080",
}

func TestInvalidUTF8(t *testing.T) {
	sharedProcess.startObserver(t)
	for name, digits := range invalidUTF8 {
		t.Run(name, func(t *testing.T) {
			bad, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatal(err)
			}
			event := append([]byte(`42["echo","`), bad...)
			event = append(event, `"]`...)

			whole := sharedProcess.openMember(t, "/socket.io/")
			whole.writeRaw(maskFrame(fin|opText, event))
			whole.wantClosed(badPayload)

			split := sharedProcess.openMember(t, "/socket.io/")
			split.writeRaw(splitIntoFrames(event))
			split.wantClosed(badPayload)

			// The first wrong byte of an unfinished message closes the connection.
			open := sharedProcess.openMember(t, "/socket.io/")
			open.writeRaw(maskFrame(opText, event))
			open.wantClosed(badPayload)

			if len(bad) < 120 {
				reason := sharedProcess.openMember(t, "/socket.io/")
				reason.writeRaw(buildCloseFrame(goingWell, string(bad)))
				reason.wantClosed(badPayload, protocolError)
			}
		})
	}
}

// splitIntoFrames returns a text message with one frame for each byte.
func splitIntoFrames(text []byte) (b []byte) {
	for i := range text {
		op := byte(opContinue)
		if i == 0 {
			op = opText
		}
		if i == len(text)-1 {
			op |= fin
		}
		b = append(b, maskFrame(op, text[i:i+1])...)
	}
	return b
}

func TestValidUTF8(t *testing.T) {
	w := sharedProcess.openMember(t, "/socket.io/")
	for _, digits := range []string{
		"cebae1bdb9cf83cebcceb5", "00", "c280", "e0a080", "f0908080", "7f", "dfbf", "efbfbf", "f48fbfbf",
		"ed9fbf", "ee8080", "efbfbd", "efbfbe", "f09fbfbe", "efbbbf",
	} {
		good, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		if good[0] == 0 {
			continue // JSON forbids control characters
		}
		w.writeRaw(splitIntoFrames([]byte(`421["echo","` + string(good) + `"]`)))
		w.wantMessages(`431["` + string(good) + `"]`)
	}
}

func TestLargestMessage(t *testing.T) {
	sharedProcess.startObserver(t)
	const limit = 1_000_000
	const before, after = `42["unknown","`, `"]`
	largest := before + strings.Repeat("x", limit-len(before)-len(after)) + after

	w := sharedProcess.openMember(t, "/socket.io/")
	w.writeTexts(largest)
	w.wantAlive()
	w.writeTexts(largest + " ")
	w.wantClosed(tooBig)

	parts := sharedProcess.openMember(t, "/socket.io/")
	parts.writeRaw(maskFrame(opText, []byte(before)))
	for range 16 {
		parts.writeRaw(maskFrame(opContinue, []byte(strings.Repeat("x", 1<<16))))
	}
	parts.wantClosed(tooBig)
}
