package redact

import (
	"strings"
	"testing"
)

// FuzzURL checks that no value of a parameter with the name of a secret is left.
func FuzzURL(f *testing.F) {
	f.Add("/socket.io/", "EIO=4")
	f.Add("/", "a=b&%74oken=c&&=")
	f.Add("?", "#")
	f.Fuzz(func(t *testing.T, path, query string) {
		if strings.Contains(path, "hush") || strings.Contains(query, "hush") {
			return
		}
		got := URL(path + "?" + query + "&access_token=hush&token=hush")
		if strings.Contains(got, "hush") || len(got) > maxValue+len("...") {
			t.Errorf("got %s", got)
		}
	})
}
