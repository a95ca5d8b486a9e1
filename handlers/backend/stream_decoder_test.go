package backend

import (
	"slices"
	"strings"
	"testing"
)

// decodeStream decodes a stream in pieces of n bytes. It returns the replies, and the error
// as the last one.
func decodeStream(text string, isEvents bool, n int) (replies []string) {
	d := streamDecoder{isEvents: isEvents, maxLine: 20}
	for piece := range slices.Chunk([]byte(text), n) {
		for len(piece) > 0 {
			reply, rest, err := d.next(piece)
			if err != nil {
				return append(replies, err.Error())
			}
			if len(reply) > 0 {
				replies = append(replies, string(reply))
			}
			piece = rest
		}
	}
	last, err := d.last()
	if err != nil {
		return append(replies, err.Error())
	}
	if len(last) > 0 {
		replies = append(replies, string(last))
	}
	return replies
}

func TestStreamDecoderSplitsReplies(t *testing.T) {
	long := strings.Repeat("x", 20)
	for _, test := range []struct {
		name, text string
		isEvents   bool
		want       []string
	}{
		{"nothing", "", false, nil},
		{"lines", "{\"a\":1}\n{}\n", false, []string{`{"a":1}`, `{}`}},
		{"empty lines, and a last line without an end", "\n\n{}\n\n[]", false, []string{`{}`, `[]`}},
		{"CRLF", "{}\r\n\r\n[]\r\n", false, []string{"{}\r", "[]\r"}},
		{"a byte order mark", "\xef\xbb\xbf{}\n\xef\xbb\xbf[]", false, []string{"{}", "\xef\xbb\xbf[]"}},
		{"a line of max_line", long + "\n" + long, false, []string{long, long}},
		{"a longer line", "{}\n" + long + "x\n", false, []string{"{}", errStreamLine.Error()}},
		{"a longer line without an end", long + "x", false, []string{errStreamLine.Error()}},

		{"no events", "", true, nil},
		{"events", "data: {}\n\ndata:[]\n\n", true, []string{"{}", "[]"}},
		{"CR", "data: {}\r\rdata: []\r\r", true, []string{"{}", "[]"}},
		{"CRLF of events", "data: {}\r\n\r\ndata: []\r\n\r\n", true, []string{"{}", "[]"}},
		{"ends of all kinds", "data: {\rdata: }\r\n\ndata: 1\n\r\ndata: 2\r\r\n\n", true, []string{"{\n}", "1", "2"}},
		{"a byte order mark before events", "\xef\xbb\xbfdata: {}\n\n", true, []string{"{}"}},
		{"two spaces, of which one stays", "data:  {}\n\n", true, []string{" {}"}},
		{"data without a colon", "data\n\ndata\ndata: x\n\n", true, []string{"\nx"}},
		{"comments and other fields", ": ping\n\nevent: x\nid: 1\nretry: 5\ndata: {}\nDATA: no\n data: no\ndatax: no\n\n:\n", true, []string{"{}"}},
		{"an event without an end", "data: {}\n\ndata: []\n", true, []string{"{}", errStreamUnended.Error()}},
		{"data without an end", "data: {}", true, []string{errStreamUnended.Error()}},
		{"a comment without an end", "data: {}\n\n: bye", true, []string{"{}"}},
		{"an event of max_line", "data: 1234567\ndata: 8\n\n", true, []string{"1234567\n8"}},
		{"a longer event", "data: 1234567890\ndata: 1234567890\n\n", true, []string{errStreamLine.Error()}},
		{"a longer line of an event", "data: " + long + "\n\n", true, []string{errStreamLine.Error()}},
		{"a longer comment", ": " + long + "\n\n", true, []string{errStreamLine.Error()}},
	} {
		for n := 1; n <= len(test.text)+1; n++ {
			if got := decodeStream(test.text, test.isEvents, n); !slices.Equal(got, test.want) {
				t.Errorf("%s, in pieces of %d: got %q, want %q", test.name, n, got, test.want)
			}
		}
	}
}

// Pieces of any size make the same replies.
func FuzzStreamDecoder(f *testing.F) {
	f.Add("data: {}\r\n\r\n: x\rdata\n\n", true, 3)
	f.Add("{}\n\n[1]", false, 1)
	f.Fuzz(func(t *testing.T, text string, isEvents bool, n int) {
		if n <= 0 || len(text) > 1000 {
			t.Skip()
		}
		whole := decodeStream(text, isEvents, len(text)+1)
		if got := decodeStream(text, isEvents, n); !slices.Equal(got, whole) {
			t.Errorf("in pieces of %d: got %q, want %q", n, got, whole)
		}
	})
}
