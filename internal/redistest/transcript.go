package redistest

import (
	"bytes"
	"iter"
	"os"
	"testing"
)

// ReadTranscript returns the lines of a file with messages recorded from Node.js.
func ReadTranscript(t testing.TB, file string) iter.Seq[[]byte] {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Lines(text)
}
