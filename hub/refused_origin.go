package hub

import (
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"go.uber.org/zap"
)

// refusedOrigin describes a refused origin for operators and developers of pages.
type refusedOrigin struct {
	// message is the text of the response. It has no characters that JSON or HTML escape.
	message string
	// line is the line of a Caddyfile that accepts the origin, if one does.
	line string
	// remedy is the advice in the log.
	remedy string
}

// describeOrigin describes a refused origin, which a client chose. It is empty if it is
// unknown, and lists several origins with ", ".
func describeOrigin(origin string) refusedOrigin {
	const refused = "Forbidden: the origin of the page is not accepted"
	switch {
	case origin == "":
		return refusedOrigin{message: refused, remedy: "the browser does not name the page of a JSONP request, which may be of another site: let the client use another transport than JSONP, or let the page send a Referer"}
	case strings.Contains(origin, ", "):
		return refusedOrigin{message: refused, remedy: "the request has several Origin headers: let the proxy in front pass on the one of the browser"}
	case !isPlainOrigin(origin):
		return refusedOrigin{message: refused, remedy: "if its pages may connect, add it to the option origins of this route"}
	}
	d := refusedOrigin{line: "origins " + origin}
	d.message = "Forbidden: the origin " + origin + " is not accepted; to accept it, add to socketio in the Caddyfile: " + d.line
	d.remedy = "if its pages may connect, add this line to the options of socketio, the option origins; if it is the origin of this site, let the proxy in front pass on the header Host"
	if origin == "null" {
		d.remedy = "the page is a local file or in a sandbox: serve it over HTTP; the option origins can list null, which accepts pages of any web site"
	}
	return d
}

// isPlainOrigin reports whether an origin has only characters of URLs that are the same in
// a Caddyfile, in JSON and in HTML, and is not too long to be repeated.
func isPlainOrigin(origin string) bool {
	return len(origin) <= maxLogText && !strings.ContainsFunc(origin, func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return false
		}
		return !strings.ContainsRune(":/.-_[]+", r)
	})
}

// refuseOrigin logs a warning that a request was refused because of its origin, once for
// each origin and route. It returns the message of the response.
func (h *Hub) refuseOrigin(q *engine.Request, origin string) (message string) {
	r := q.Route.Owner.(*Route)
	d := describeOrigin(origin)
	if origin = shortenText(origin); !r.originWarnings.admitKey(origin) {
		return d.message
	}
	h.log().Warn("origin refused",
		zap.String("hub", h.name), zap.String("path", q.Route.Config().Path), zap.String("origin", origin),
		zap.String("host", shortenText(q.R.Host)), zap.String("address", q.Address), zap.String("remedy", d.remedy),
		zap.String("add", d.line), zap.String("at", r.config().Source))
	return d.message
}
