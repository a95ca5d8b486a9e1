package handlers

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// FuzzEscapes checks that a value stays in its place, whatever it is.
func FuzzEscapes(f *testing.F) {
	for _, s := range []string{"", "plain", "../a", `..\..`, "a/./b", "%2e%2e/", "?x#y", "\r\nX: 1", `"],"join":["x`, "{{env}}", "{{{", "{env.HOME}", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip() // clients can't send it
		}
		value, err := sio.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for place, before := range map[string]string{inString: `"`, inJSON: ""} {
			escaped := before + escapes[place](value, true) + before
			var got string
			if err := json.Unmarshal([]byte(escaped), &got); err != nil || got != text || strings.Contains(escaped, "{{") {
				t.Errorf("%s%q: got %s, %v", place, text, escaped, err)
			}
		}
		if strings.ContainsAny(escapes[inHeader](value, true), "\r\n\x00") {
			t.Errorf("%q makes a header", text)
		}
		path := escapes[inPath](value, true)
		if strings.ContainsAny(path, "?#{} ") {
			t.Errorf("%q leaves the path: %s", text, path)
		}
		plain, err := url.PathUnescape(path)
		if err != nil {
			t.Fatal(err)
		}
		for segment := range strings.SplitSeq(strings.ReplaceAll(plain, `\`, "/"), "/") {
			if segment == "." || segment == ".." {
				t.Errorf("%q leads out of its place: %s", text, plain)
			}
		}
	})
}

// FuzzParseAnswer checks that no answer does harm.
func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{``, `{}`, `{"ack":["x",{"$binary":"AA=="}]}`, `{"emit":[{"event":"e","rooms":1}]}`, `{"error":{"x":1}}`, `{"join":null,"data":{"a":null}}`, `[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parseAnswer(body)
		if err != nil || a.Ack == nil {
			return
		}
		if raw, err := a.Ack.MarshalJSON(); err != nil || !json.Valid(raw) || raw[0] != '[' {
			t.Errorf("%s: the acknowledgement is %s, %v", body, raw, err)
		}
	})
}
