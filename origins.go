package socketio

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"go.uber.org/zap"
)

// Origins that are not of the form scheme://host.
const (
	anyOrigin  = "*"
	nullOrigin = "null"    // of sandboxed pages, and of local ones in some browsers
	fileOrigin = "file://" // of local pages, and of some native clients
)

// allowOrigin returns a function that accepts pages of the own origin and of the listed
// origins. It returns nil if all origins are accepted.
func allowOrigin(listed []string) func(string, *http.Request) bool {
	if slices.Contains(listed, anyOrigin) {
		return nil
	}
	return func(origin string, r *http.Request) bool {
		return slices.ContainsFunc(listed, func(pattern string) bool { return matchOrigin(pattern, origin) }) ||
			hub.SameOrigin(origin, r)
	}
}

// matchOrigin reports whether an origin is a listed one. A star stands for one label of
// a host, as in Caddy's host matcher.
func matchOrigin(pattern, origin string) bool {
	scheme, domain, wildcard := strings.Cut(pattern, "*")
	if !wildcard {
		return strings.EqualFold(pattern, origin)
	}
	n := len(origin) - len(domain)
	if n <= len(scheme) || !strings.EqualFold(origin[:len(scheme)], scheme) || !strings.EqualFold(origin[n:], domain) {
		return false
	}
	return !strings.ContainsFunc(origin[len(scheme):n], func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

var defaultPorts = map[string]string{"80": "http", "443": "https"}

// checkOrigin returns an error for an origin that no browser sends.
func checkOrigin(origin string) error {
	switch origin {
	case anyOrigin, nullOrigin, fileOrigin:
		return nil
	}
	plain := strings.Replace(origin, "://*.", "://x.", 1) // a label in place of the star
	u, err := url.Parse(plain)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Hostname() == "x." || plain != u.Scheme+"://"+u.Host || strings.Contains(plain, "*") {
		return fmt.Errorf("origin %q: expected *, null, file://, an origin like https://app.example.com without a path, "+
			"or one like https://*.example.com, whose star is one label", origin)
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }) {
		return fmt.Errorf("origin %q: expected the host as browsers send it, in ASCII, like xn--mnchen-3ya.example for münchen.example", origin)
	}
	if scheme, ok := defaultPorts[u.Port()]; ok && scheme == u.Scheme {
		return fmt.Errorf("origin %q: expected it without the port %s, which browsers leave out with %s", origin, u.Port(), scheme)
	}
	return nil
}

// warnOrigins logs which of the listed origins are no protection.
func (h *Handler) warnOrigins(log *zap.Logger) {
	if slices.Contains(h.Origins, anyOrigin) {
		log.Warn("origins * allows the pages of any web site to connect as their visitors")
	} else if slices.Contains(h.Origins, nullOrigin) {
		log.Warn("origins null allows the pages of any web site to connect as their visitors: any site can embed a sandboxed page, whose origin is null")
	}
}
