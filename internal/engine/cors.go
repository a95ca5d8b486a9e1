package engine

import (
	"net/http"
	"net/url"
	"strings"
)

// checkOrigin decides whether the page that a request comes from may use the route,
// and sets the CORS headers when it may. Requests without an origin are not made by
// a page, but for JSONP.
func (x *exchange) checkOrigin() bool {
	r, h := x.R, x.W.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch several := len(r.Header["Origin"]) > 1; {
	case several:
		x.reportRefusedOrigin(strings.Join(r.Header["Origin"], ", "))
		return false
	case !isBrowserOrigin(origin):
		return !x.query.Has("j") || x.checkJSONPOrigin()
	case x.config.AllowOrigin != nil && !x.config.AllowOrigin(origin, r):
		x.reportRefusedOrigin(origin)
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true") // 2.x browsers always ask with credentials
	return true
}

// isBrowserOrigin reports whether a browser can have sent the value of an Origin header. A
// browser sends null or an origin with a scheme and a colon (Fetch, 3.2; RFC 6454, 7).
// Native clients invent others, like a star.
func isBrowserOrigin(value string) bool {
	return strings.Contains(value, ":") || strings.Contains(strings.ToLower(value), "null")
}

// reportRefusedOrigin calls the hook [Options.OriginRefused].
func (x *exchange) reportRefusedOrigin(origin string) {
	if report := x.server.options.OriginRefused; report != nil {
		report(x.Request, origin)
	}
}

// checkJSONPOrigin decides about JSONP, which is a script to the browser: it has no
// Origin, sends cookies along, and lets any page read the answer. What gives the
// page away is the Referer, and that newer browsers tell where they fetch from.
func (x *exchange) checkJSONPOrigin() bool {
	if x.config.AllowOrigin == nil {
		return true
	}
	if u, err := url.Parse(x.R.Referer()); err == nil && u.Host != "" {
		origin := u.Scheme + "://" + u.Host
		if x.config.AllowOrigin(origin, x.R) {
			return true
		}
		x.reportRefusedOrigin(origin)
		return false
	}
	switch x.R.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	x.reportRefusedOrigin("")
	return false
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && isBrowserOrigin(r.Header.Get("Origin"))
}

// writePreflight answers the question that a browser asks before a request that no form
// could make.
func writePreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusNoContent)
}
