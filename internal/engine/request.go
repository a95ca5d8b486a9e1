package engine

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/hopbyhop"
)

// The names of the transports.
const (
	transportPolling   = "polling"
	transportWebSocket = "websocket"
)

// Request is one HTTP request for [Server.ServeEngine], with facts that its caller adds.
type Request struct {
	// W and R are the arguments of the HTTP handler. A WebSocket that outlives the
	// handler keeps neither.
	W http.ResponseWriter
	R *http.Request
	// Route is the route that the request matched.
	Route *Route
	// Address is the client's address and Secure whether it came over TLS, for
	// [Handshake].
	Address string
	Secure  bool
	// Context is copied to [Handshake], which the session keeps.
	Context any
	// Query is the query of R, if the caller has parsed it already. Nil parses it.
	Query *Query
	// Header is the header for [Handshake], if the caller has a [KeptHeader] of R
	// already. Nil makes one.
	Header http.Header
	// Hold keeps ServeEngine from returning before a WebSocket has closed, as streams of
	// HTTP/2 and HTTP/3 need it.
	Hold bool
	// OnSession is called with the session that the request opens or names, and the transport
	// of the request, before the response. Nil does nothing.
	OnSession func(s *Session, transport string)
	// Done is closed when a parked poll must get its reply soon: a noop, if nothing is
	// queued. Nil means never.
	Done <-chan struct{}
	// AbortWrite makes the current and all later writes to W fail. Any goroutine may
	// call it, until ServeEngine returns. Nil sets the write deadline of W.
	AbortWrite func()
	// Hijack takes the connection of a WebSocket handshake over. It responds with status 101
	// and the header of W, which is complete, or leaves the response in the writer, which is
	// flushed within its write deadline. With an error, it has responded or the client is
	// gone. Nil hijacks W.
	Hijack func() (net.Conn, *bufio.ReadWriter, error)
}

// exchange is an HTTP request while it is served. It holds all that one poll needs, so that
// a poll allocates little.
type exchange struct {
	*Request
	server  *Server
	config  *Config
	query   Query
	upgrade bool // the client wants a WebSocket
	version eio.Version
	format  pollFormat
	poll    poll      // of servePoll
	reply   pollReply // of beginReplyLocked
	headers [4]string // the values that setHeader has set
	set     int       // their number
}

// setHeader sets a header of the response. The name must be canonical. Its values are not
// shared with other responses: Caddy's header handler changes values in place.
func (x *exchange) setHeader(h http.Header, name, value string) {
	if x.set == len(x.headers) {
		h[name] = []string{value}
		return
	}
	x.headers[x.set] = value
	x.set++
	h[name] = x.headers[x.set-1 : x.set : x.set]
}

// ServeEngine serves one Engine.IO request: a handshake, a poll, a POST, a CORS preflight
// or a WebSocket. It returns when the response is written; for a WebSocket, when it is
// established, or with [Request.Hold], when it has closed.
func (s *Server) ServeEngine(q *Request) {
	x := &exchange{Request: q, server: s, config: q.Route.config.Load(), query: q.parsedQuery(), upgrade: isUpgrade(q.R)}
	if refused := x.checkOrigin(); refused != nil {
		x.refuse(refused)
		return
	}
	if isPreflight(q.R) {
		x.skipBody()
		limitWriteTime(q.W)
		writePreflight(q.W, q.R)
		return
	}
	session, refused := x.checkRequest()
	switch {
	case refused != nil:
		x.refuse(refused)
	case session != nil && x.upgrade:
		x.serveProbe(session)
	case session != nil:
		x.servePolling(session)
	case x.upgrade:
		x.openWebSocket()
	default:
		x.openPolling()
	}
}

// refuse responds with a refusal, and counts it.
func (x *exchange) refuse(e *refusal) {
	x.server.stats.countRefused(e)
	if x.upgrade && !x.Hold {
		// Bytes that follow on this connection were meant for a WebSocket.
		x.W.Header().Set("Connection", "close")
	}
	x.skipBody()
	e.writeTo(x.W, x.upgrade)
}

// checkRequest checks a request in the order of the reference server: the order decides
// about the code if a request is wrong in more than one way. It returns the session that
// the request names. Without a session and a refusal, the request is a handshake.
func (x *exchange) checkRequest() (*Session, *refusal) {
	transport := x.query.transport
	if !(transport == transportPolling && x.config.Polling || transport == transportWebSocket && x.config.WebSocket) {
		return nil, refusedTransport
	}
	x.version = parseVersion(x.query.revision)
	if sid := x.query.sid; sid != "" {
		return x.checkSession(x.server.findSession(sid), transport)
	}
	switch {
	case x.R.Method != http.MethodGet:
		return nil, refusedMethod
	case x.upgrade != (transport == transportWebSocket):
		return nil, refusedRequest
	case !(x.version == eio.V3 && x.config.V3 || x.version == eio.V4 && x.config.V4):
		return nil, refusedVersion
	case handshakeSize(x.R) > maxHandshakeSize:
		return nil, refusedHeader
	case x.upgrade:
		return nil, x.checkWebSocket()
	}
	return nil, x.parsePollFormat()
}

// reportSession calls OnSession.
func (x *exchange) reportSession(s *Session) {
	if x.OnSession == nil {
		return
	}
	transport := transportPolling
	if x.upgrade {
		transport = transportWebSocket
	}
	x.OnSession(s, transport)
}

func (x *exchange) checkSession(s *Session, transport string) (*Session, *refusal) {
	switch {
	case s == nil:
		if report := x.server.options.SessionUnknown; report != nil {
			report(x.Request)
		}
		return nil, refusedSession
	case x.upgrade != (transport == transportWebSocket), !x.upgrade && s.Transport() != transport, s.handshake.Version != x.version:
		return nil, refusedRequest
	}
	s.noteProof() // the client knows the id of the session
	x.reportSession(s)
	if x.upgrade {
		return s, x.checkWebSocket()
	}
	return s, nil
}

// maxHandshakeSize is how many bytes the URL and the header of a handshake may have: the
// session keeps them. Node.js allows 16 KiB.
const maxHandshakeSize = 64 << 10

func handshakeSize(r *http.Request) int {
	size := len(r.URL.Path) + len(r.URL.RawQuery)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size
}

// parsePollFormat reads the parameters for the format of a session's payloads.
func (x *exchange) parsePollFormat() *refusal {
	x.format.base64 = x.query.base64 != ""
	if !x.query.jsonp {
		return nil
	}
	index := keepDigits(x.query.jsonpIndex)
	if len(index) > maxJSONPIndex {
		return refusedRequest
	}
	x.format = pollFormat{jsonpIndex: &index, base64: true}
	return nil
}

// parsedQuery returns the query. Parameters that cannot be parsed are missing.
func (q *Request) parsedQuery() Query {
	if q.Query != nil {
		return *q.Query
	}
	query, _ := ParseQuery(q.R.URL.RawQuery)
	return query
}

// parseVersion returns the revision that an EIO parameter names, 0 for an unknown one. Old
// clients send none, or a revision before 3, and speak 3; the reference server reads these
// as 3, too. It also reads "5" and "abc" as 3, which no client of revision 3 sends.
func parseVersion(eioParam string) eio.Version {
	switch eioParam {
	case "", "0", "1", "2", "3":
		return eio.V3
	case "4":
		return eio.V4
	}
	return 0
}

// newHandshake copies the parts of the request that the session keeps.
func (x *exchange) newHandshake() *Handshake {
	header := x.Header
	if header == nil {
		header = KeptHeader(x.R.Header)
	}
	uri := x.R.URL.RequestURI()
	if uri == x.R.RequestURI {
		uri = x.R.RequestURI // which is kept anyway
	}
	return &Handshake{
		Time: time.Now(), Address: x.Address, URL: uri, Header: header,
		Secure: x.Secure, Version: x.version, Context: x.Context,
	}
}

// KeptHeader returns a copy of a request's header without the fields that concern its
// connection only or the WebSocket handshake.
func KeptHeader(from http.Header) http.Header {
	return hopbyhop.CopyHeader(from, 0, hopbyhop.IsHeader)
}

// isUpgrade reports whether a request is a WebSocket handshake.
func isUpgrade(r *http.Request) bool {
	return hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket")
}

// hasToken reports whether a header that is a list of tokens has this one, in any case.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h[name] {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
