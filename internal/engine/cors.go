package engine

import (
	"net/http"
	"net/url"
	"strings"
)

// admitOrigin decides whether the page that a request comes from may use the route,
// and sets the CORS headers when it may. Requests without an origin are not made by
// a page, but for JSONP.
func (x *exchange) admitOrigin() bool {
	r, h := x.R, x.W.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch several := len(r.Header["Origin"]) > 1; {
	case several:
		x.reportOrigin(strings.Join(r.Header["Origin"], ", "))
		return false
	case !isOrigin(origin):
		return !x.query.Has("j") || x.admitScript()
	case x.config.AllowOrigin != nil && !x.config.AllowOrigin(origin, r):
		x.reportOrigin(origin)
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true") // 2.x browsers always ask with credentials
	return true
}

// isOrigin reports whether a browser can have sent the value of an Origin header. A
// browser sends null or an origin with a scheme and a colon (Fetch, 3.2; RFC 6454, 7).
// Native clients invent others, like a star.
func isOrigin(value string) bool {
	return strings.Contains(value, ":") || strings.Contains(strings.ToLower(value), "null")
}

// reportOrigin calls the hook [Options.OriginRefused].
func (x *exchange) reportOrigin(origin string) {
	if report := x.server.options.OriginRefused; report != nil {
		report(x.Request, origin)
	}
}

// admitScript decides about JSONP, which is a script to the browser: it has no
// Origin, sends cookies along, and lets any page read the answer. What gives the
// page away is the Referer, and that newer browsers tell where they fetch from.
func (x *exchange) admitScript() bool {
	if x.config.AllowOrigin == nil {
		return true
	}
	if u, err := url.Parse(x.R.Referer()); err == nil && u.Host != "" {
		origin := u.Scheme + "://" + u.Host
		if x.config.AllowOrigin(origin, x.R) {
			return true
		}
		x.reportOrigin(origin)
		return false
	}
	switch x.R.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	x.reportOrigin("")
	return false
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && isOrigin(r.Header.Get("Origin"))
}

// preflight answers the question that a browser asks before a request that no form
// could make.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusNoContent)
}
