package glob_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/glob"
)

// FuzzMatch compares globs with regular expressions.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{{"/org-*", "/org-1"}, {"*", ""}, {"a*b*c", "abbcc"}, {"/*/x", "/a/b/x"}, {"**", "/"}, {"a", "a"}, {"/a*/", "/a/"}, {"*ab*", "aab"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 200 || !utf8.ValidString(pattern) || !utf8.ValidString(name) {
			return
		}
		quoted := regexp.QuoteMeta(pattern)
		for star, g := range map[string]glob.Glob{`(?s:.*)`: glob.New(pattern), `[^/]*`: glob.NewSegments(pattern)} {
			want := regexp.MustCompile(`^` + strings.ReplaceAll(quoted, `\*`, star) + `$`).MatchString(name)
			if got := g.Match(name); got != want {
				t.Errorf("%q matches %q: %v, want %v by %s", pattern, name, got, want, star)
			}
		}
	})
}
