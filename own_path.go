package socketio

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// cutOwnPath returns the part of a request's path after the prefix of a handler. ok
// is false if the handler must pass the request on. Every handler of this module
// decides by this function, so that access control in front of it holds: a path that Caddy's
// matcher "path <prefix>*" does not match is never served, however the client wrote
// it. See docs/decisions/0008-own-paths.md.
//
// The path must begin with the prefix, slash included, be its own cleaned form, and
// be written without needless escapes. After the prefix stand letters, digits,
// slashes and "-._~" only. The prefix itself is cleaned, see checkPrefix.
func cutOwnPath(u *url.URL, prefix string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(u.Path, prefix)
	if !ok || strings.ContainsFunc(rest, isReserved) || rest != "" && caddyhttp.NormalizedPath(u.Path, true) != u.Path {
		return "", false
	}
	if u.RawPath == "" {
		return rest, true
	}
	// Rewrites may leave a RawPath that says the same as the Path.
	written, plain := u.EscapedPath(), url.URL{Path: u.Path}
	return rest, written == u.Path || written == plain.EscapedPath()
}

// parseQuery returns an error with status 400 for a query that cannot be parsed as a
// whole. Caddy's query matcher matches no parameter of such a query, and would not
// restrict access to it.
func parseQuery(u *url.URL) (*engine.Query, error) {
	query, err := engine.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, caddyhttp.Error(http.StatusBadRequest, fmt.Errorf("query: %w", err))
	}
	return &query, nil
}

// isReserved reports whether r may not stand in a path after a handler's prefix.
func isReserved(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("/-._~", r)
}

// checkPrefix returns an error for a prefix that no served path has, or that a matcher
// would read differently.
func checkPrefix(prefix, example string) error {
	if prefix == "" {
		return nil // the default
	}
	if !strings.HasPrefix(prefix, "/") || !strings.HasSuffix(prefix, "/") {
		return fmt.Errorf("path %q: expected a path that begins and ends with a slash, like %s", prefix, example)
	}
	if strings.ContainsAny(prefix, "{}") {
		return fmt.Errorf("path %q: expected it without placeholders; {$NAME} in a Caddyfile is replaced", prefix)
	}
	if cleaned := caddyhttp.NormalizedPath(prefix, true); cleaned != prefix {
		return fmt.Errorf("path %q: expected it in its cleaned form, %s", prefix, cleaned)
	}
	if i := strings.IndexAny(prefix, `*?#%\`); i >= 0 {
		return fmt.Errorf("path %q: expected it without %q, which stands for something else in a URL or a matcher", prefix, prefix[i])
	}
	return nil
}
