package descriptors

import (
	"os"
	"syscall"
	"testing"
)

// TestAreLow opens files until few descriptors are left, and closes them again.
func TestAreLow(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	lower := before
	lower.Cur = 128
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lower); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
	plentyUntil.Store(0)
	if Limit() != 128 {
		t.Fatalf("the limit is %d", Limit())
	}
	var files []*os.File
	openUntil := func(left int) {
		for findLowestFree(128) < 128-left {
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	openUntil(17)
	if AreLow(64) {
		t.Error("17 of 128 are low with a reserve of an eighth")
	}
	openUntil(16)
	if !AreLow(64) || AreLow(4) {
		t.Error("16 of 128 are not low with a reserve of an eighth, or low with a reserve of 4")
	}
	openUntil(0)
	if !AreLow(1) {
		t.Error("none is left, and they are not low")
	}
	for _, f := range files {
		f.Close()
	}
	if AreLow(64) {
		t.Error("the files are closed, and descriptors are low")
	}
}

func BenchmarkAreLow(b *testing.B) {
	for b.Loop() {
		AreLow(HandshakeReserve)
	}
}
