// Package handshake captures the HTTP request that opened a connection, for later use. It
// keeps nothing that leads to the request or to a config that may be replaced: no body,
// no writer, no context, no server.
package handshake

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Request is the request that opened a connection. It is immutable once it is shared.
type Request struct {
	method, host, proto, remote, uri string

	path string // of the handler that served it, as configured

	protoMajor, protoMinor int
	urlPath, rawQuery      string   // of the URL
	url                    *url.URL // nil if it has only a path and a query
	header                 http.Header
	local                  net.Addr // which of the server's addresses it came to
	tls                    *tls.ConnectionState
	vars                   []namedValue
	values                 []namedValue
	tracing                *tracing // nil unless Caddy traces the request

	// Unplaced says that the request did not fit the site that it came to: its host
	// or its local address is not that of the site. It is set before the request is
	// shared.
	Unplaced bool
}

// userKey is the placeholder of the user that Caddy's authentication knows.
const userKey = "http.auth.user.id"

// namedValue is a name with its value. A request has few, for which a map would take more
// memory than the rest of the request.
type namedValue struct {
	name  string
	value any
}

// Capture captures a request that a Caddy handler serves, with the part of its header that is
// kept, which must not be changed afterwards. keys are placeholders whose current values are
// captured; placeholders that follow from the request itself need not be among them. path is
// the path of the handler, as configured.
func Capture(r *http.Request, header http.Header, keys []string, path string) *Request {
	q := &Request{
		path:   path,
		method: r.Method, host: r.Host, proto: r.Proto, remote: r.RemoteAddr, uri: r.RequestURI,
		protoMajor: r.ProtoMajor, protoMinor: r.ProtoMinor,
		urlPath: r.URL.Path, rawQuery: r.URL.RawQuery, header: header, tls: keepTLS(r.TLS),
	}
	if *r.URL != (url.URL{Path: q.urlPath, RawQuery: q.rawQuery}) {
		u := *r.URL
		q.url = &u
	}
	q.tracing = captureTracing(r)
	q.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if vars, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any); ok {
		q.vars = keepScalars(vars)
	}
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if repl == nil || len(keys) == 0 {
		return q
	}
	for _, key := range keys {
		if value, ok := repl.GetString(key); ok {
			q.values = append(q.values, namedValue{key, value})
		}
	}
	return q
}

// NewBackend returns the request for the events of a namespace, which no client's request
// opened: [Request.ForBackend] makes a POST to the path, without a host, an address and
// headers.
func NewBackend(path string) *Request { return &Request{path: path, header: make(http.Header)} }

// keepScalars returns the variables without values that may lead to the request or the
// config.
func keepScalars(vars map[string]any) []namedValue {
	var kept []namedValue
	for name, value := range vars {
		switch value.(type) {
		case string, bool, int, int64, float64, []string:
			kept = append(kept, namedValue{name, value})
		}
	}
	return slices.Clip(kept)
}

// Host returns the host that the request named, with its port if it had one.
func (q *Request) Host() string { return q.host }

// LocalAddr returns the address of the server that the request came to, nil when it is
// not known.
func (q *Request) LocalAddr() net.Addr { return q.local }

// Header returns the request's header, which must not be changed.
func (q *Request) Header() http.Header { return q.header }

// UserID returns the id of the user that Caddy's authentication knows, empty without one.
func (q *Request) UserID() string {
	i := slices.IndexFunc(q.values, func(v namedValue) bool { return v.name == userKey })
	if i < 0 {
		return ""
	}
	user, _ := q.values[i].value.(string)
	return user
}

// Identity returns the identity of the user, from Caddy's authentication and the client's
// TLS certificate. It is empty if neither names one.
func (q *Request) Identity() string {
	user, name := q.UserID(), ""
	if q.tls != nil && len(q.tls.PeerCertificates) > 0 {
		leaf := q.tls.PeerCertificates[0]
		name = leaf.Issuer.String() + "\x00" + leaf.Subject.String()
	}
	if user == "" && name == "" {
		return ""
	}
	return user + "\x00" + name
}

// Replacer returns a replacer with the placeholders of the request, the variables, and
// the captured values. The caller may add to it.
func (q *Request) Replacer() *caddy.Replacer {
	repl := caddy.NewReplacer()
	q.Prepare(q.New(context.Background()), repl, nil, nil)
	return repl
}

// New returns a copy of the request, without a body.
func (q *Request) New(ctx context.Context) *http.Request {
	u := url.URL{Path: q.urlPath, RawQuery: q.rawQuery}
	if q.url != nil {
		u = *q.url
	}
	r := &http.Request{
		Method: q.method, Host: q.host, RemoteAddr: q.remote, RequestURI: q.uri,
		Proto: q.proto, ProtoMajor: q.protoMajor, ProtoMinor: q.protoMinor,
		URL: &u, Header: q.header, TLS: q.tls, Body: http.NoBody,
	}
	if q.local != nil {
		ctx = context.WithValue(ctx, http.LocalAddrContextKey, q.local)
	}
	return r.WithContext(ctx)
}

// ForBackend returns the request for a backend: a POST over HTTP/1.1 to the path of the
// handler. It has nothing of the client's own method, URI and protocol.
func (q *Request) ForBackend(ctx context.Context) *http.Request {
	r := q.New(ctx)
	r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor = http.MethodPost, "HTTP/1.1", 1, 1
	r.URL = &url.URL{Path: q.path}
	r.RequestURI = r.URL.RequestURI()
	return r
}

// PrepareForBackend prepares a request of [Request.ForBackend] for the HTTP handlers of a
// backend, as Prepare does. It leaves out captured values of the client's URI, and names
// that the backend's handlers assign themselves.
func (q *Request) PrepareForBackend(r *http.Request, repl *caddy.Replacer, w http.ResponseWriter, s *caddyhttp.Server, assigns func(name string) bool) *http.Request {
	return q.prepareWithout(r, repl, w, s, func(name string) bool { return strings.HasPrefix(name, "http.request.") || assigns(name) })
}

// Prepare prepares a request for Caddy's handlers: with a replacer, which gets the
// placeholders of the request and the captured values, with the variables, and with the
// server of the current config. The server may be nil if no handler needs it.
func (q *Request) Prepare(r *http.Request, repl *caddy.Replacer, w http.ResponseWriter, s *caddyhttp.Server) *http.Request {
	return q.prepareWithout(r, repl, w, s, func(string) bool { return false })
}

func (q *Request) prepareWithout(r *http.Request, repl *caddy.Replacer, w http.ResponseWriter, s *caddyhttp.Server, without func(name string) bool) *http.Request {
	r = caddyhttp.PrepareRequest(r, repl, w, s)
	vars := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	for _, v := range q.vars {
		if !without("http.vars." + v.name) {
			vars[v.name] = v.value
		}
	}
	for _, v := range q.values {
		if !without(v.name) {
			repl.Set(v.name, v.value)
		}
	}
	return r
}

// placeholderPattern matches placeholders in braces, and names that begin with http,
// which CEL expressions have without braces.
var placeholderPattern = regexp.MustCompile(`\{([^\s{}"'\x60:,]+)\}|\bhttp\.[\w\-.]+`)

// FindCapturedKeys returns the placeholders in a config whose values have to be captured: the ones
// that HTTP handlers set while they serve a request, and the ones that a rewrite hides.
// The user's id is always included.
func FindCapturedKeys(config []byte) []string {
	keys := []string{userKey}
	for _, match := range placeholderPattern.FindAllSubmatch(config, -1) {
		key := string(match[0])
		if match[1] != nil {
			key = string(match[1])
		}
		if !isKnownLater(key) && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// WithoutUser returns the keys of [FindCapturedKeys] for a server that sets no user. The lookup
// of a placeholder that is not set takes long.
func WithoutUser(keys []string) []string {
	return slices.DeleteFunc(keys, func(key string) bool { return key == userKey })
}

// isKnownLater reports whether a placeholder has its value later, too: it belongs to an
// event, follows from the captured request, or is always available.
func isKnownLater(key string) bool {
	if strings.HasPrefix(key, "http.request.orig_uri") {
		return false
	}
	return slices.ContainsFunc([]string{
		"http.request.", "http.vars.", "socket.", "event.", "jwt.", "env.", "file.", "system.", "time.",
	}, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}
