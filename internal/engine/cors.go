package engine

import (
	"net/http"
	"net/url"
	"strings"
)

// checkOrigin returns a refusal if the web page that sent a request may not use the route,
// or sets the CORS headers. Requests without an Origin do not come from a page, except
// with JSONP.
func (x *exchange) checkOrigin() *refusal {
	r, h := x.R, x.W.Header()
	if h["Vary"] == nil {
		x.setHeader(h, "Vary", "Origin")
	} else {
		h.Add("Vary", "Origin")
	}
	origin := r.Header.Get("Origin")
	switch several := len(r.Header["Origin"]) > 1; {
	case several:
		return x.refuseOrigin(strings.Join(r.Header["Origin"], ", "))
	case origin == "" && x.query.jsonp: // a page cannot send another Origin than its own
		return x.checkJSONPOrigin()
	case !isBrowserOrigin(origin):
		return nil
	case x.config.AllowOrigin != nil && !x.config.AllowOrigin(origin, r):
		return x.refuseOrigin(origin)
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true") // the 2.x client in browsers always sends credentials
	return nil
}

// CheckOrigin reports whether the web page that sent a request may use the route, by its
// Origin alone, and sets the CORS headers if so. It writes no response. Callers that serve
// files beside the route use it.
func (s *Server) CheckOrigin(q *Request) bool {
	x := &exchange{Request: q, server: s, config: q.Route.config.Load()}
	return x.checkOrigin() == nil
}

// isBrowserOrigin reports whether a browser can have sent an Origin header with this
// value. A browser sends null or an origin with a scheme and a colon (Fetch, 3.2; RFC
// 6454, 7). Native clients send other values, for example "*".
func isBrowserOrigin(value string) bool {
	return strings.Contains(value, ":") || strings.Contains(strings.ToLower(value), "null")
}

// refuseOrigin calls [Options.OriginRefused], and returns the refusal with its message.
func (x *exchange) refuseOrigin(origin string) *refusal {
	e := *refusedOrigin
	if report := x.server.options.OriginRefused; report != nil {
		e.message = report(x.Request, origin)
	}
	return &e
}

// checkJSONPOrigin returns a refusal if the page that sent a JSONP request may not use the
// route. To the browser it is a script: it has no Origin, carries cookies, and any page can
// read the response. The page is known from the Referer, or from the Sec-Fetch-Site of
// newer browsers. A request with neither may come from any page: its page can suppress the
// Referer, and old browsers send no Sec-Fetch-Site.
func (x *exchange) checkJSONPOrigin() *refusal {
	if x.config.AllowOrigin == nil {
		return nil
	}
	if u, err := url.Parse(x.R.Referer()); err == nil && u.Host != "" {
		origin := u.Scheme + "://" + u.Host
		if x.config.AllowOrigin(origin, x.R) {
			return nil
		}
		return x.refuseOrigin(origin)
	}
	switch x.R.Header.Get("Sec-Fetch-Site") {
	case "none", "same-origin":
		return nil
	}
	return x.refuseOrigin("")
}

// isPreflight reports whether a request is a CORS preflight, which a browser sends before a
// request that no form could send.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && isBrowserOrigin(r.Header.Get("Origin"))
}

// writePreflight permits the request that a preflight announces.
func writePreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	if requested := r.Header.Get("Access-Control-Request-Headers"); requested != "" {
		h.Set("Access-Control-Allow-Headers", requested)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusNoContent)
}
