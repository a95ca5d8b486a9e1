package socketio

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// oddTargets are request targets that access controls and handlers could read differently.
// %s stands for the prefix of a handler without its slashes.
var oddTargets = []string{
	"/%s", "/%s?a", "//%s/", "/%s//", "///%s/emit", "/%s//emit", "/./%s/", "/%s/./", "/%s/./emit", "/%s/.",
	"/%s/..", "/%s/../", "/%s/../x", "/%s/../%s/", "/x/../%s/", "/x/../%s/emit", "/../%s/", "/%s/x/..", "/%s/emit/..",
	"/%s/%%2e%%2e/x", "/%s/%%2E%%2E/x", "/%s/.%%2e/x", "/x/%%2e%%2e/%s/", "/%%2e/%s/", "/%s/%%2e/emit",
	"/%s%%2f", "/%s%%2F", "/%%2f%s/", "/%%2F%s/emit", "/%s/x%%2f..%%2f..", "/%s/%%2F", "/%s/%%2Femit",
	`/%s\`, `/%s/\`, "/%s%%5c", "/%s/%%5c..%%5cx", "/%s/..%%5cx", `/%s/..\x`, "/x%%5c..%%5c%s/", "/%%5c%s/",
	"/%s/..;/x", "/%s/;/emit", "/%s;/", "/%s;x=1/", "/%s/emit;x", "/..;/%s/", "/%s/;", "/x/..;/%s/",
	"/%s./", "/%s /", "/%s%%20/", "/%s/emit.", "/%s/emit%%20", "/%s.%%20/", "/%s/...", "/%s::$DATA/", "/%s/emit::$INDEX_ALLOCATION", "/%s:/",
	"/%s/%%00", "/%s%%00/", "/%%00/%s/", "/%s/%%0a", "/%s/%%0d%%0a", "/%s/%%ff", "/%s/%%c0%%ae%%c0%%ae/x", "/%s/%%e2%%84%%aa",
	"/%s/%%65mit", "/%s/%%2565mit", "/%s/e%%6dit", "/%s/emit%%3f", "/%s/%%3f", "/%s/%%23", "/%s/%%25", "/%s/emit?x=/../..",
	"/%s/a%%2fb", "/%s/%%7e", "/%s/%%2d", "/%s/~", "/%s/*", "/%s/(x)", "/%s/'", "/%s/!", "/%s/@", "/%s/a:b", "/%s/é",
	"http://example.com/%s/", "http://example.com//%s/", "http://example.com/%s", "http://example.com/x/../%s/", "http://user@example.com/%s/emit",
	"http:%s/", "http:/%s/", "http:///%s/", "//example.com/%s/", "*", "/", "", "%s/", "?/%s/", "/?/%s/", "/#/%s/", "/%s/#x",
	"/%s/", "/%s/emit", "/%s/x/y", "/%s/?EIO=4&transport=polling",
}

// listTargets returns the odd targets of a prefix, each spelled in several ways.
func listTargets(prefix string) []string {
	name := strings.Trim(prefix, "/")
	escaped := strings.ReplaceAll(url.PathEscape(name), ".", "%2e")
	if escaped == name {
		escaped = "%" + strings.ToUpper(escapeByte(name[0])) + name[1:]
	}
	var targets []string
	for _, target := range oddTargets {
		for _, spelling := range []string{name, escaped, strings.ToUpper(name), strings.Replace(name, "o", "%4F", 1)} {
			targets = append(targets, strings.ReplaceAll(strings.ReplaceAll(target, "%s", spelling), "%%", "%"))
		}
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}

func escapeByte(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// FuzzOwnPathMatchesCaddy compares the handlers with Caddy's path matcher. A handler passes on
// a request that "path <prefix>*" does not match, and a request whose path does not begin with
// the text of the prefix.
func FuzzOwnPathMatchesCaddy(f *testing.F) {
	for _, target := range append(listTargets("/socket.io/"), listTargets("/socketio/")...) {
		f.Add(target, "")
		f.Add("/x", target)
	}
	f.Fuzz(func(t *testing.T, target, rewritten string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // net/http and quic-go refuse it
		}
		if rewritten != "" { // as Caddy's rewrite leaves it
			u.Path, u.RawPath = rewritten, ""
			if p, err := url.PathUnescape(rewritten); err == nil {
				u.Path, u.RawPath = p, rewritten
			}
		}
		for _, prefix := range []string{"/socket.io/", "/socketio/", "/сокет/", "/a b/", "/(rt)/", "/Rooms/v1/", "/"} {
			checkOwnPath(t, u, prefix)
		}
	})
}

// checkOwnPath checks that a URL under a prefix is also under it for Caddy's matchers.
func checkOwnPath(t *testing.T, u *url.URL, prefix string) {
	t.Helper()
	rest, ok := cutOwnPath(u, prefix)
	if !ok {
		return
	}
	for _, pattern := range []string{prefix + "*", strings.ToUpper(prefix) + "*", prefix + rest, "*" + prefix + "*"} {
		if !matchesPath(t, u, caddyhttp.MatchPath{pattern}) {
			t.Errorf("%q is served under %s, and the matcher path %s does not match it", u, prefix, pattern)
		}
	}
	if u.Path != prefix+rest || strings.ContainsAny(rest, `%\;: `) || strings.Contains("/"+rest+"/", "/../") {
		t.Errorf("%q is served under %s", u, prefix)
	}
	if plain := (&url.URL{Path: u.Path}).EscapedPath(); u.EscapedPath() != plain && u.EscapedPath() != u.Path {
		t.Errorf("%q is served under %s, and is written %s", u, prefix, u.EscapedPath())
	}
}

func matchesPath(t *testing.T, u *url.URL, m caddyhttp.MatchPath) bool {
	t.Helper()
	if err := m.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer())
	matched, err := m.MatchWithError((&http.Request{URL: u}).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	return matched
}

// TestOwnPathIsServed proves that the handlers serve the paths of official clients and of users
// of the API, and pass on all other paths.
func TestOwnPathIsServed(t *testing.T) {
	for _, test := range []struct{ prefix, target, rest string }{
		{"/socket.io/", "/socket.io/?EIO=4&transport=polling", ""},
		{"/socket.io/", "http://example.com/socket.io/?EIO=4", ""},
		{"/socket.io/", "/socket.io/default/", "default/"},
		{"/socketio/", "/socketio/server_side_emit", "server_side_emit"},
		{"/сокет/", "/%D1%81%D0%BE%D0%BA%D0%B5%D1%82/x", "x"},
		{"/a b/", "/a%20b/", ""},
		{"/(rt)/", "/(rt)/", ""},
		{"/(rt)/", "/%28rt%29/", ""},
	} {
		u, err := url.ParseRequestURI(test.target)
		if err != nil {
			t.Fatal(err)
		}
		if rest, ok := cutOwnPath(u, test.prefix); !ok || rest != test.rest {
			t.Errorf("%s: got %q, %t, want %q", test.target, rest, ok, test.rest)
		}
	}
	passed := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	served := map[string]bool{
		"/socketio/": true, "/socketio/emit": true, "/socketio/x/y": true, "/socketio/.": false, "/socketio/~": true, "/socketio/?EIO=4&transport=polling": true,
		"http://example.com/socketio/": true, "http://user@example.com/socketio/emit": true, "http:/socketio/": true, "http:///socketio/": true,
		"/socketio/emit?x=/../..": true, "/socketio/emit.": runtime.GOOS != "windows", "/socketio/...": runtime.GOOS != "windows",
	}
	h := &APIHandler{Path: "/socketio/"}
	h.api = adminAPI
	for _, target := range listTargets("/socketio/") {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			continue
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/", nil)
		r.URL = u
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, passed); err != nil {
			t.Fatal(err)
		}
		if (w.Code != http.StatusTeapot) != served[target] {
			t.Errorf("%s: got status %d", target, w.Code)
		}
	}
}

// TestInvalidPrefixIsRefused covers prefixes that no request can have and prefixes that a
// matcher reads differently.
func TestInvalidPrefixIsRefused(t *testing.T) {
	for _, prefix := range []string{"socket.io/", "/socket.io", "/{x}/", "//", "/a//b/", "/a/../b/", "/./", "/a*b/", "/a?/", "/a#/", "/a%20b/", `/a\b/`} {
		if checkPrefix(prefix, "/socket.io/") == nil {
			t.Errorf("%q is accepted", prefix)
		}
	}
	for _, prefix := range []string{"", "/", "/socket.io/", "/сокет/", "/a b/", "/(rt)/", "/a/b/"} {
		if err := checkPrefix(prefix, "/socket.io/"); err != nil {
			t.Error(err)
		}
	}
}

// TestBrokenQueryIsRefused guards access controls by query parameters. Caddy's query matcher
// matches no parameter if any part of the query is invalid, so such a request would pass them.
func TestBrokenQueryIsRefused(t *testing.T) {
	s := startCaddy(t, false, `@banned query token=banned
		respond @banned 403
		socketio
		socketio_api`)
	for query, want := range map[string]int{
		"":                   http.StatusOK,
		"&token=banned":      http.StatusForbidden,
		"&token=banned&x=%z": http.StatusBadRequest,
		"&token=banned;a":    http.StatusBadRequest,
		"&token=%zz":         http.StatusBadRequest,
	} {
		for _, path := range []string{"/socket.io/?EIO=4&transport=polling", "/socketio/?"} {
			if got, body := s.doRequest("GET", s.site+path+query, ""); got != want {
				t.Errorf("%s%s: status %d %s, want %d", path, query, got, body, want)
			}
		}
	}
}
