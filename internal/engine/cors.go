package engine

import (
	"net/http"
	"net/url"
)

// admitOrigin decides whether the page that a request comes from may use the route,
// and sets the CORS headers when it may. Requests without an origin are not made by
// a page, but for JSONP.
func (x *exchange) admitOrigin() bool {
	r, h := x.R, x.W.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return !x.query.Has("j") || x.admitScript()
	}
	if len(r.Header["Origin"]) > 1 || x.config.AllowOrigin != nil && !x.config.AllowOrigin(origin, r) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true") // 2.x browsers always ask with credentials
	return true
}

// admitScript decides about JSONP, which is a script to the browser: it has no
// Origin, sends cookies along, and lets any page read the answer. What gives the
// page away is the Referer, and that newer browsers tell where they fetch from.
func (x *exchange) admitScript() bool {
	if x.config.AllowOrigin == nil {
		return true
	}
	if u, err := url.Parse(x.R.Referer()); err == nil && u.Host != "" {
		return x.config.AllowOrigin(u.Scheme+"://"+u.Host, x.R)
	}
	switch x.R.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	return false
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != ""
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
