package hub

import (
	"net/http"
	"net/url"
	"strings"
)

// SameOrigin reports whether an Origin is the one that the request was sent to:
// the same host and port, with the scheme's own port where none is named. Native
// clients name the schemes ws and wss, which no page has.
func SameOrigin(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	switch {
	case err != nil, u.Host == "", u.User != nil:
		return false
	case u.Scheme == "http" && r.TLS != nil:
		return false // anybody on the way can write such pages
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
