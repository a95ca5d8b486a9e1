package eio

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/officialtest"
)

// decodeInput decodes an input of the official parsers with ours.
func decodeInput(in officialtest.Input) (packets []Packet, err error) {
	v := V4
	if strings.HasPrefix(in.Protocol, "engine 3") {
		v = V3
	}
	switch {
	case strings.HasSuffix(in.Protocol, "message"):
		data, binary := []byte(in.Text), in.Bytes != nil
		if binary {
			data = in.Bytes
		}
		p, err := Parse(data, binary, v)
		return []Packet{p}, err
	case in.Bytes != nil:
		return collectPackets(in.Bytes, true, v)
	}
	return collectPackets([]byte(in.Text), false, v)
}

// compareWithOfficial checks that our decoder accepts the texts of official encoders, rejects the
// texts that official parsers reject, and returns the same packets. We reject more: base64 and lengths that only
// JavaScript reads, and binary packets that no client sends.
func compareWithOfficial(t *testing.T, in officialtest.Input, official officialtest.Result) {
	t.Helper()
	got, err := decodeInput(in)
	strict := !in.Encoded && (errors.Is(err, errBase64) || errors.Is(err, errMalformedLength) || errors.Is(err, errShortPacket) ||
		in.Bytes != nil || strings.Contains(in.Text, "b"))
	switch {
	case official.Differ:
	case official.Error:
		if err == nil && (in.Bytes == nil || !acceptsMore(got)) {
			t.Errorf("%s %q %x: official parsers reject it, got %+v", in.Protocol, in.Text, in.Bytes, got)
		}
	case err != nil:
		if !strict {
			t.Errorf("%s %q %x: %v, want %+v", in.Protocol, in.Text, in.Bytes, err, official.Packets)
		}
	case in.Bytes != nil && acceptsMore(got): // and they replace text that is not UTF-8 in another way
	case !equalOfficial(got, official.Packets):
		t.Errorf("%s %q %x: got %+v, want %+v", in.Protocol, in.Text, in.Bytes, got, official.Packets)
	}
}

// acceptsMore returns whether we accept packets on purpose that the official parser gives up: text
// in a binary payload that was not UTF-8, and empty binary packets, which its server ignores.
func acceptsMore(packets []Packet) bool {
	for _, p := range packets {
		if p.Type == TypeNoop || bytes.ContainsRune(p.Data, utf8.RuneError) {
			return true
		}
	}
	return false
}

func equalOfficial(got []Packet, want []officialtest.Packet) bool {
	if len(got) != len(want) {
		return false
	}
	for i, p := range got {
		data := want[i].Text
		if want[i].Bytes != nil {
			data = string(*want[i].Bytes)
		}
		isMessage := want[i].Bytes != nil && p.Type == TypeMessage
		if p.Type.String() != want[i].Type || string(p.Data) != data || p.Binary != isMessage {
			return false
		}
	}
	return true
}

func TestDecodingMatchesOfficialParsers(t *testing.T) {
	t.Parallel()
	count := 0
	officialtest.ReadCorpus(t, func(in officialtest.Input, official officialtest.Result) {
		count++
		compareWithOfficial(t, in, official)
	})
	if count < 500 {
		t.Errorf("the corpus has %d inputs", count)
	}
}

// engineProtocols lists the protocols of parsers.js.
var engineProtocols = []string{
	"engine 3 payload", "engine 3 message", "engine 4 payload", "engine 4 message", "engine 3 binary payload", "engine 3 message", "engine 4 message",
}

// FuzzDecodingMatchesOfficialParsers asks the official parsers for each input, if it can.
func FuzzDecodingMatchesOfficialParsers(f *testing.F) {
	officialtest.ReadCorpus(f, func(in officialtest.Input, _ officialtest.Result) {
		for i, protocol := range engineProtocols {
			if protocol == in.Protocol && (i > 3) == (in.Bytes != nil) {
				f.Add(uint8(i), append([]byte(in.Text), in.Bytes...))
			}
		}
	})
	official := officialtest.StartParsers(f)
	f.Fuzz(func(t *testing.T, protocol uint8, data []byte) {
		i := int(protocol) % len(engineProtocols)
		in := officialtest.Input{Protocol: engineProtocols[i], Text: strings.ToValidUTF8(string(data), "\ufffd")}
		if i > 3 {
			in.Text, in.Bytes = "", data
		}
		if official == nil || i > 3 && len(data) == 0 {
			_, _ = decodeInput(in) // must not panic
			return
		}
		compareWithOfficial(t, in, official.Decode(t, in))
	})
}
