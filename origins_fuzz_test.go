package socketio

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// FuzzOrigins compares the check of origins with regular expressions, and the own origin with the
// parts of a URL.
func FuzzOrigins(f *testing.F) {
	for _, pattern := range []string{"https://app.example.com", "https://*.example.com", "http://*.localhost:3000", "null", "file://", "capacitor://localhost", "*"} {
		for _, origin := range []string{
			"https://app.example.com", "HTTPS://A.EXAMPLE.COM", "https://a.b.example.com", "https://evil.com/.example.com", "https://.example.com",
			"http://a.localhost:3000", "null", "file://", "https://example.com.evil.com", "https://x@a.example.com", "https://\u212a.example.com",
		} {
			f.Add(pattern, origin, "app.example.com")
		}
	}
	f.Fuzz(func(t *testing.T, pattern, origin, host string) {
		if checkOrigin(pattern) == nil && pattern != anyOrigin {
			text := strings.Replace(regexp.QuoteMeta(pattern), `\*`, ")[-_0-9A-Za-z]+(?i:", 1)
			want := regexp.MustCompile(`^(?i:`+text+`)$`).MatchString(origin) && !strings.Contains(origin, "\n")
			if got := matchOrigin(pattern, origin); got != want && strings.ToValidUTF8(origin, "") == origin {
				t.Errorf("origin %q is one of %q: %v, want %v", origin, pattern, got, want)
			}
		}
		if hub.SameOrigin(origin, &http.Request{Host: host}) {
			u, err := url.Parse(origin)
			if err != nil || !strings.EqualFold(u.Hostname(), (&url.URL{Host: host}).Hostname()) || u.User != nil {
				t.Errorf("origin %q is that of host %q", origin, host)
			}
		}
	})
}
