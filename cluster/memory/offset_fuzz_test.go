package memory

import (
	"strings"
	"testing"
)

// FuzzOffset checks that offsets are read back as they were written, and that an offset of
// another log, or none, is refused. Clients send them.
func FuzzOffset(f *testing.F) {
	f.Add("", uint64(0))
	f.Add("zz", uint64(1)<<63)
	f.Add("-1", uint64(35))
	f.Add("ZZ", uint64(36))
	f.Add("_1", uint64(1))
	l, other := &Log{epoch: "abcdefgh."}, &Log{epoch: "hgfedcba."}
	f.Fuzz(func(t *testing.T, text string, number uint64) {
		offset := l.formatOffset(number)
		if got, ok := l.parseOffset(offset); !ok || got != number {
			t.Errorf("%d is written as %q, and read as %d, %v", number, offset, got, ok)
		}
		if got, ok := other.parseOffset(offset); ok {
			t.Errorf("another log reads %q as %d", offset, got)
		}
		if got, ok := l.parseOffset(text); ok && !strings.HasPrefix(text, l.epoch) {
			t.Errorf("without its epoch, %q is read as %d", text, got)
		}
		_, _ = l.parseOffset(l.epoch + text)
	})
}
