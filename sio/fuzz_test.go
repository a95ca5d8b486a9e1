package sio

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// FuzzDecoder passes a text and two attachments to decoders of both versions. It checks
// that accepted packets split into name and arguments, and that encoding and decoding
// them returns the same.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		``, `0`, `0/chat?a=b,{"a":1}`, `1/chat,`, `2["x",1]`, `2/chat,12["x",{"a":[null,true]}]`, `312`, `3/a,1[]`,
		`52-["x",` + placeholder1 + `,{"a":` + placeholder0 + `}]`, `61-/chat,7[` + placeholder0 + `]`, `50-["x"]`, `4{}`, `2[{}]`,
		`51-["x",{"num":0,"\u005fplaceholder":true,"a":{}}]`, `52-["x"]`, `2["\ud800\\\"",-1.5e+7]`, `59999999999-["x"]`,
	} {
		f.Add(seed, []byte("one"), []byte{})
	}
	f.Fuzz(func(t *testing.T, text string, a, b []byte) {
		for _, v := range []Version{V4, V5} {
			d := Decoder{Version: v}
			p, complete, err := d.Add(newTextMessage(text))
			for _, attachment := range [][]byte{a, b} {
				if err == nil && d.Pending() {
					p, complete, err = d.Add(eio.Packet{Type: eio.TypeMessage, Binary: true, Data: attachment})
				}
			}
			switch {
			case err != nil:
				if !errors.Is(err, ErrPacket) || complete || d.Pending() {
					t.Fatalf("%q: %v, complete %v, pending %v", text, err, complete, d.Pending())
				}
			case complete:
				checkDecoded(t, p, v)
			case !d.Pending():
				t.Fatalf("%q: neither complete nor pending", text)
			}
		}
	})
}

func checkDecoded(t *testing.T, p Packet, v Version) {
	t.Helper()
	if len(p.Data.JSON) > 0 {
		marks, err := p.Data.findPlaceholders()
		if err != nil || len(marks) != len(p.Data.Attachments) {
			t.Fatalf("%+v: %d placeholders: %v", p, len(marks), err)
		}
	}
	if p.Type == Event {
		name, args, err := p.Event()
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		if again, err := EventData(name, args); err != nil || again.Len() != p.Data.Len() {
			t.Fatalf("%+v: %q %v: %v", p, name, again, err)
		}
	}
	if _, err := p.Encode(v, false); err != nil {
		t.Fatalf("%+v: encode: %v", p, err)
	}
	var attachments []string
	for _, a := range p.Data.Attachments {
		attachments = append(attachments, string(a))
	}
	again, err := decodeMessages(&Decoder{Version: v}, string(p.encodeText(v)), attachments...)
	if err != nil || !equalPackets(p, again) {
		t.Fatalf("%+v came back as %+v: %v", p, again, err)
	}
}

// FuzzDataJSON checks that text which UnmarshalJSON accepts is valid, has no forged
// placeholder, and is the same after a round trip.
func FuzzDataJSON(f *testing.F) {
	for _, seed := range []string{
		`null`, `[1,{"a":{"$binary":"YQ=="}},"\ud800"]`, placeholder0, `{"$binary":1}`, `{"\u0024binary":"YQ=="}`, `{"$binary":"YQ==","x":{"$binary":""}}`,
		`[{"$binary":"AQID"},{"$binary":"BA=="}]`, `{"_placeholder":false,"num":{"$binary":""}}`, `{"_placeholder":true,"_placeholder":0}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d Data
		if err := d.UnmarshalJSON(text); err != nil {
			if !errors.Is(err, ErrData) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if !json.Valid(text) || !utf8.Valid(text) {
			t.Fatalf("%q: admitted", text)
		}
		marks, err := d.findPlaceholders()
		if err != nil || len(marks) != len(d.Attachments) {
			t.Fatalf("%q: %d placeholders for %d: %v", text, len(marks), len(d.Attachments), err)
		}
		checkMembers(t, d)
		out, err := d.MarshalJSON()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var again Data
		if err := again.UnmarshalJSON(out); err != nil || !equalData(d, again) {
			t.Fatalf("%q: came back as %s: %v", text, again.JSON, err)
		}
	})
}

// checkMembers checks that the array of an array's members is the same array.
func checkMembers(t *testing.T, d Data) {
	t.Helper()
	var members []Data
	for member := range d.Elements() {
		if err := member.checkValid(); err != nil {
			t.Fatalf("member %s of %s: %v", member.JSON, d.JSON, err)
		}
		members = append(members, member)
	}
	var a, b any
	if len(members) == 0 || d.Decode(&a) != nil { // numbers that Go cannot represent
		return
	}
	if err := Array(members...).Decode(&b); err != nil || !equalJSON(a, b) {
		t.Fatalf("%s became %s: %v", d, Array(members...), err)
	}
}

func equalJSON(a, b any) bool {
	textA, errA := json.Marshal(a)
	textB, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(textA) == string(textB)
}
