package msgpack_test

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/internal/officialtest"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// inexact matches JSON that we write in other bytes on purpose: numbers that JavaScript rounds or
// whose sign it drops, halves of surrogate pairs, and placeholders of attachments.
var inexact = regexp.MustCompile(`\d{16}|-0|[eE]|\\u[dD]|placeholder`)

// compareWithNotepack checks that we write the same bytes as notepack.io, and read them as the same
// JSON.
func compareWithNotepack(t *testing.T, text string, official officialtest.Result) {
	t.Helper()
	if official.Error || official.Differ || official.Packets[0].Text != text || inexact.MatchString(text) {
		return // no JSON, or not as JavaScript writes it
	}
	want := *official.Packets[0].Bytes
	got, err := msgpack.AppendData(nil, sio.Data{JSON: []byte(text)})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s became %x, want %x: %v", text, got, want, err)
	}
	if back := readData(t, string(want)); string(back.JSON) != text {
		t.Errorf("%x is read as %s, want %s", want, back.JSON, text)
	}
}

func TestEncodingMatchesNotepack(t *testing.T) {
	t.Parallel()
	count := 0
	officialtest.ReadCorpus(t, func(in officialtest.Input, official officialtest.Result) {
		count++
		compareWithNotepack(t, in.Text, official)
	})
	if count < 100 {
		t.Errorf("the corpus has %d inputs", count)
	}
}

// FuzzEncodingMatchesNotepack asks notepack.io for each input, if it can.
func FuzzEncodingMatchesNotepack(f *testing.F) {
	officialtest.ReadCorpus(f, func(in officialtest.Input, _ officialtest.Result) { f.Add(in.Text) })
	official := officialtest.StartParsers(f)
	f.Fuzz(func(t *testing.T, text string) {
		if official == nil {
			_, _ = msgpack.AppendData(nil, sio.Data{JSON: []byte(text)}) // must not panic
			return
		}
		compareWithNotepack(t, text, official.Decode(t, officialtest.Input{Protocol: "notepack", Text: text}))
	})
}
