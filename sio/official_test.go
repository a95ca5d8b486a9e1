package sio

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/caddy-socketio/caddy-socketio/internal/officialtest"
)

// decodeInput decodes an input of the official parsers with ours. complete is false while
// attachments are missing.
func decodeInput(in officialtest.Input) (p Packet, complete bool, err error) {
	d := Decoder{Version: V5}
	if in.Protocol == "socket 4" {
		d.Version = V4
	}
	p, complete, err = d.Add(newTextMessage(in.Text))
	for _, a := range in.Attachments {
		if err != nil || complete {
			break
		}
		p, complete, err = d.Add(newBinaryMessage(string(a)))
	}
	return p, complete, err
}

// compareWithOfficial checks that our decoder accepts the texts of official encoders, rejects the
// texts that official parsers reject, and returns the same packet. We may reject more: see rejectsMore.
func compareWithOfficial(t *testing.T, in officialtest.Input, official officialtest.Result) {
	t.Helper()
	got, complete, err := decodeInput(in)
	switch {
	case official.Differ || differsOnPurpose(in):
	case official.Error:
		if err == nil && complete && !isReserved(got) {
			t.Errorf("%s %q: official parsers reject it, got %+v", in.Protocol, in.Text, got)
		}
	case err != nil:
		if in.Encoded || !rejectsMore(err, in) {
			t.Errorf("%s %q: %v, want %+v", in.Protocol, in.Text, err, official.Packets)
		}
	case complete != (len(official.Packets) == 1):
		t.Errorf("%s %q: complete %v, want %+v", in.Protocol, in.Text, complete, official.Packets)
	case complete && !equalOfficial(t, in, got, official.Packets[0]):
		t.Errorf("%s %q %q: got %+v, want %+v", in.Protocol, in.Text, in.Attachments, got, official.Packets[0])
	}
}

// rejectsMore returns whether we reject an input on purpose that an official parser accepts: limits
// that it lacks, types that clients do not send, packets that its server fails at later, and
// placeholders that stand for no attachment.
func rejectsMore(err error, in officialtest.Input) bool {
	for _, reason := range []error{ErrAttachments, errLongNamespace, errLongName, errNoName, errMalformedHeader, ErrData} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return errors.Is(err, errUnknownType) && strings.HasPrefix(in.Text, "4") ||
		(errors.Is(err, errNotObject) || errors.Is(err, errUnexpectedPayload)) && in.Protocol == "socket 4"
}

// differsOnPurpose returns whether the results cannot be compared: text that JavaScript takes for the
// number 0, binary packets without attachments of old clients, and the notation of binary in results.
func differsOnPurpose(in officialtest.Input) bool {
	return strings.ContainsFunc(in.Text, unicode.IsSpace) || strings.ContainsAny(in.Text, "\ufeff") ||
		in.Protocol == "socket 4" && strings.Contains(in.Text, "0-") ||
		strings.Contains(in.Text, "$binary") || strings.Contains(in.Text, "Buffer") || strings.Contains(in.Text, `\u00`)
}

// isReserved returns whether the hub rejects the name of an event, and not the decoder.
func isReserved(p Packet) bool {
	name, _, err := p.Event()
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return err == nil
	}
	return false
}

func equalOfficial(t *testing.T, in officialtest.Input, got Packet, want officialtest.Packet) bool {
	t.Helper()
	namespace := want.Namespace
	if in.Protocol == "socket 4" { // its server takes the query off, of all packets
		namespace, _, _ = strings.Cut(namespace, "?")
	}
	if namespace == "" {
		namespace = "/"
	}
	if want.Type != float64(got.Type) || got.Namespace != namespace {
		return false
	}
	if got.Type == Event || got.Type == Ack {
		if got.HasID != (want.ID != nil) || got.HasID && float64(got.ID) != *want.ID {
			return false
		}
	}
	if got.Data.Len() == 0 && len(got.Data.JSON) == 0 || want.Data == "" {
		return len(got.Data.JSON) == 0 || string(got.Data.JSON) == "[]" && want.Data == ""
	}
	text, err := got.Data.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(text, &a) != nil || json.Unmarshal([]byte(want.Data), &b) != nil {
		return true // numbers beyond Go's
	}
	return reflect.DeepEqual(a, b)
}

func TestDecodingMatchesOfficialParsers(t *testing.T) {
	t.Parallel()
	count := 0
	officialtest.ReadCorpus(t, func(in officialtest.Input, official officialtest.Result) {
		count++
		compareWithOfficial(t, in, official)
	})
	if count < 400 {
		t.Errorf("the corpus has %d inputs", count)
	}
}

// FuzzDecodingMatchesOfficialParsers asks the official parsers for each input, if it can.
func FuzzDecodingMatchesOfficialParsers(f *testing.F) {
	officialtest.ReadCorpus(f, func(in officialtest.Input, _ officialtest.Result) {
		in.Attachments = append(in.Attachments, nil, nil)
		f.Add(in.Protocol == "socket 4", in.Text, in.Attachments[0], in.Attachments[1])
	})
	f.Add(true, `2/?,["a"]`, []byte{}, []byte{})
	official := officialtest.StartParsers(f)
	f.Fuzz(func(t *testing.T, old bool, text string, a, b []byte) {
		in := officialtest.Input{Protocol: "socket 5", Text: strings.ToValidUTF8(text, "\ufffd"), Attachments: [][]byte{a, b}}
		if old {
			in.Protocol = "socket 4"
		}
		if official == nil {
			_, _, _ = decodeInput(in) // must not panic
			return
		}
		compareWithOfficial(t, in, official.Decode(t, in))
	})
}
