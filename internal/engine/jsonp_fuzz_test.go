package engine

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzUnescapeLines compares with the two steps of the reference server.
func FuzzUnescapeLines(f *testing.F) {
	for _, s := range []string{"", `\n`, `\\n`, `\\\n`, `\\\\n`, `a\nb\\nc`, `\`, `n\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, d string) {
		got := string(unescapeLines([]byte(d)))
		const mark = "\x00mark\x00"
		if strings.Contains(d, mark) {
			return
		}
		want := strings.ReplaceAll(d, `\\n`, mark)
		want = strings.ReplaceAll(want, `\n`, "\n")
		if want = strings.ReplaceAll(want, mark, `\n`); got != want {
			t.Errorf("%q: got %q, want %q", d, got, want)
		}
	})
}

// FuzzParseForm must accept any bytes as a form.
func FuzzParseForm(f *testing.F) {
	for _, s := range []string{"d=4a", "d=%31%3A4", "d", "x=1", "d=%zz", "d=1&d=2", ";"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, given := parseForm(bytes.Clone(body))
		if !given && payload != nil {
			t.Error("a payload that is not given")
		}
	})
}
