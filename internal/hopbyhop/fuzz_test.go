package hopbyhop_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/hopbyhop"
)

// FuzzCopyHeader checks that a copy has no header that Connection lists or that concerns one
// connection, all others, and shares no memory with the original.
func FuzzCopyHeader(f *testing.F) {
	f.Add("close, X-Secret", "X-Secret", "1")
	f.Add(" upgrade ,,x-a\t", "Upgrade", "websocket")
	f.Add("te", "Cookie", "a=b")
	f.Fuzz(func(t *testing.T, connection, name, value string) {
		name = http.CanonicalHeaderKey(name)
		from := http.Header{"Connection": {connection}}
		from[name] = append(from[name], value, value)
		got := hopbyhop.CopyHeader(from, 1, hopbyhop.IsHeader)
		listed := slices.ContainsFunc(strings.Split(strings.Join(from["Connection"], ","), ","), func(one string) bool {
			return http.CanonicalHeaderKey(strings.TrimSpace(one)) == name
		})
		if want := !listed && !hopbyhop.IsHeader(name); want != (len(got[name]) == 2) {
			t.Fatalf("%q with Connection %q: %q", name, connection, got)
		}
		if values := got[name]; len(values) > 0 {
			values[0] = "changed"
			if from[name][0] != value {
				t.Fatal("the copy shares memory")
			}
		}
	})
}
