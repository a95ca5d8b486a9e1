package id_test

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/id"
)

func TestNew(t *testing.T) {
	t.Parallel()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	seen := make(map[string]bool)
	for range 1000 {
		made := id.New()
		if len(made) != 20 {
			t.Fatalf("%q has %d characters, want 20", made, len(made))
		}
		if strings.Trim(made, alphabet) != "" {
			t.Fatalf("%q has characters outside the URL-safe base64 alphabet", made)
		}
		if seen[made] {
			t.Fatalf("%q occurs twice", made)
		}
		seen[made] = true
		if !id.IsOwn(made) {
			t.Fatalf("%q is not recognized", made)
		}
	}
}

// The ids of Node.js servers are 15 random bytes without a check.
func TestIsOwnRefusesOtherTexts(t *testing.T) {
	t.Parallel()
	const trials = 20_000
	recognized := 0
	for range trials {
		var b [15]byte
		_, _ = rand.Read(b[:])
		if id.IsOwn(base64.RawURLEncoding.EncodeToString(b[:])) {
			recognized++
		}
	}
	if recognized > 10 { // 0.3 are expected
		t.Errorf("%d of %d other ids are recognized", recognized, trials)
	}
	made := id.New()
	for _, text := range []string{"", "lobby", made[:19], made + "A", strings.Repeat("é", 10), made[:19] + "!", made[:19] + "\n", " " + made[:19]} {
		if id.IsOwn(text) {
			t.Errorf("%q is recognized", text)
		}
	}
}

// An id of another process, in which the check must be computed alike.
func TestIsOwnKnowsIDsOfOtherNodes(t *testing.T) {
	t.Parallel()
	if !id.IsOwn("AAAAAAAAAAAAAAAAAHC1") {
		t.Error("not recognized")
	}
}

func BenchmarkIsOwn(b *testing.B) {
	made := id.New()
	b.ReportAllocs()
	for b.Loop() {
		if !id.IsOwn(made) {
			b.Fatal("not recognized")
		}
	}
}
