package id_test

import (
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/id"
)

// FuzzIsOwn checks ids of clients: no other spelling of an own id is an own one, of one changed
// character.
func FuzzIsOwn(f *testing.F) {
	f.Add(id.New(), 3, byte('A'))
	f.Add("", 0, byte('\n'))
	f.Fuzz(func(t *testing.T, text string, at int, c byte) {
		if !id.IsOwn(text) {
			return
		}
		for _, r := range text {
			if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_' {
				t.Fatalf("%q has other characters than ids", text)
			}
		}
		changed := []byte(text)
		changed[uint(at)%uint(len(changed))] = c
		if other := string(changed); len(other) != len(text) || (c == '\n' || c == '\r' || c >= 0x80) && id.IsOwn(other) {
			t.Fatalf("%q is an own id", other)
		}
	})
}
