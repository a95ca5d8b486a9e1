package frames

import (
	"testing"
	"unicode/utf8"
)

// FuzzCheckText checks a text in pieces, and compares with a check of the whole text.
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
