package socketio

import (
	"net/http/httptest"
	"testing"
)

// TestOriginsOfPages lists the origins that a site accepts: its own, and the listed ones.
func TestOriginsOfPages(t *testing.T) {
	listed := allowOrigin([]string{"https://app.example.com", "https://other.example.com:8443", "app://local", "https://*.apps.example.com", "http://*.dev.example:3000"})
	for origin, allowed := range map[string]bool{
		"https://app.example.com":                 true,
		"HTTPS://App.Example.com":                 true,
		"https://app.example.com:443":             false,
		"http://app.example.com":                  false,
		"wss://app.example.com":                   false, // only the site's own host is accepted with the schemes ws and wss
		"https://app.example.com.":                false,
		"https://app.example.com.evil.com":        false,
		"https://evil-app.example.com":            false,
		"https://other.example.com:8443":          true,
		"https://other.example.com":               false,
		"app://local":                             true,
		"http://site.example.com:8080":            true,
		"https://site.example.com:8080":           true, // encrypted by a proxy in front
		"ws://site.example.com:8080":              true,
		"WSS://Site.example.com:8080":             true,
		"ws://site.example.com":                   false,
		"wss://evil.com:8080":                     false,
		"http://site.example.com":                 false,
		"http://site.example.com:80":              false,
		"http://site.example.com:8080@evil.com":   false,
		"ws://site.example.com:8080@evil.com":     false,
		"https://a.apps.example.com":              true,
		"https://A-1_b.Apps.example.com":          true,
		"https://xn--mnchen-3ya.apps.example.com": true,
		"https://apps.example.com":                false,
		"https://.apps.example.com":               false,
		"https://a.b.apps.example.com":            false,
		"http://a.apps.example.com":               false,
		"https://a.apps.example.com:8443":         false,
		"https://a.apps.example.com.":             false,
		"https://a.apps.example.com.evil.com":     false,
		"https://evil.com/.apps.example.com":      false,
		"https://evil.com?.apps.example.com":      false,
		"https://evil.com#.apps.example.com":      false,
		"https://evil.com:1.apps.example.com":     false,
		"https://x@evil.apps.example.com":         false,
		"https://a%2e.apps.example.com":           false,
		"https://*.apps.example.com":              false,
		"https://ä.apps.example.com":              false,
		"http://a.dev.example:3000":               true,
		"http://a.dev.example:3001":               false,
		"null":                                    false,
		"file://":                                 false,
		"":                                        false,
		"*":                                       false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://site.example.com:8080/socket.io/", nil)
		if listed(origin, r) != allowed {
			t.Errorf("%q: want %v", origin, allowed)
		}
	}
	if allowOrigin([]string{"*"}) != nil {
		t.Error("* does not accept all origins")
	}
	local := allowOrigin([]string{"null", "file://"})
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://site.example.com:8080/socket.io/", nil)
	for origin, allowed := range map[string]bool{"null": true, "file://": true, "file:///": false, "file://x": false, "https://app.example.com": false} {
		if local(origin, r) != allowed {
			t.Errorf("%q, with null and file:// listed: want %v", origin, allowed)
		}
	}
}

func TestInvalidOriginIsRefused(t *testing.T) {
	for origin, good := range map[string]bool{
		"*": true, "null": true, "file://": true, "https://app.example.com": true, "http://127.0.0.1:3000": true, "https://[::1]": true,
		"capacitor://localhost": true, "chrome-extension://abcdef": true, "https://*.example.com": true, "http://*.localhost:3000": true,
		"https://*": false, "https://*.": false, "https://*.:8443": false, "https://a.*.example.com": false, "https://*a.example.com": false,
		"https://*.*.example.com": false, "*.example.com": false, "*://example.com": false, "https://**.example.com": false, "https://example.com/*": false,
		"https://app.example.com/": false, "https://u@app.example.com": false, "https://app.example.com:443": false, "http://a.example:80": false,
		"https://*.example.com:443": false, "https://münchen.example": false, "app.example.com": false, "": false, "Null": false, "file:": false, "https://a b": false,
	} {
		if err := checkOrigin(origin); (err == nil) != good {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
