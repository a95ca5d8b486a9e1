package id_test

import (
	"regexp"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/id"
)

func TestNewHas20CharactersAndDiffers(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`)
	seen := make(map[string]bool)
	for range 1000 {
		made := id.New()
		if !form.MatchString(made) || seen[made] {
			t.Fatalf("got %q", made)
		}
		seen[made] = true
	}
}
