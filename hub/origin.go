package hub

import (
	"net/http"
	"net/url"
	"strings"
)

// SameOrigin reports whether an Origin is the origin of the request's own URL: the same
// host and port. A missing port is the default port of the scheme. The schemes ws and wss
// occur with native clients only.
func SameOrigin(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	switch {
	case err != nil, u.Host == "", u.User != nil:
		return false
	case u.Scheme == "http" && r.TLS != nil:
		return false // a page without TLS may be forged on its way
	}
	switch u.Scheme {
	case "http", "ws":
		return strings.EqualFold(addPort(u.Host, false), addPort(r.Host, false))
	case "https", "wss":
		return strings.EqualFold(addPort(u.Host, true), addPort(r.Host, true))
	}
	return false
}

// addPort adds the port that the scheme implies.
func addPort(host string, secure bool) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host
	}
	if secure {
		return host + ":443"
	}
	return host + ":80"
}
