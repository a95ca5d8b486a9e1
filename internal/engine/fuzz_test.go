package engine

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCheckText checks text in pieces as it is checked as a whole.
func FuzzCheckText(f *testing.F) {
	for _, s := range []string{"", "a", "κόσμε", "\xce", "\xf0\x90\x8d\x8c", "\xed\xa0\x80", "a\xc3(", "\xf4\x90\x80\x80"} {
		f.Add([]byte(s), 1)
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		step = max(step%7, 1)
		ok, valid := true, 0
		for at := 0; ok && at < len(text); at += step {
			var n int
			n, ok = checkText(text[valid:min(at+step, len(text))], false)
			valid += n
		}
		if ok {
			_, ok = checkText(text[valid:], true)
		}
		if ok != utf8.Valid(text) {
			t.Errorf("%q in steps of %d: %v", text, step, ok)
		}
	})
}

// FuzzUnescapeLines compares with what the reference does in two steps.
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

// FuzzFormData must not fail, whatever a form is.
func FuzzFormData(f *testing.F) {
	for _, s := range []string{"d=4a", "d=%31%3A4", "d", "x=1", "d=%zz", "d=1&d=2", ";"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, given := formData(bytes.Clone(body))
		if !given && payload != nil {
			t.Error("a payload that is not given")
		}
	})
}
