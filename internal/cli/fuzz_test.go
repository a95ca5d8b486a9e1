package cli

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
)

// FuzzErrors checks that errors of the admin API, in which names of clients stand, don't control the
// terminal.
func FuzzErrors(f *testing.F) {
	f.Add(`{"error":"room \u001b[2J"}`)
	f.Add("{\"error\":\"\u202e\"}")
	f.Add("\x1b]0;title\x07")
	f.Add(`{"error":""}`)
	f.Fuzz(func(t *testing.T, body string) {
		texts := []string{
			shortenError(errors.New("caddy responded with error: HTTP 400: " + body)).Error(),
			linesError(&api.BatchReply{Errors: []api.BatchError{{Error: body}}}).Error(),
		}
		for _, text := range texts {
			if strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("%q", text)
			}
		}
	})
}
