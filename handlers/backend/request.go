package backend

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/handshake"
	"github.com/caddy-socketio/caddy-socketio/internal/hopbyhop"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// encodeEvent returns the body of the request for an event.
func encodeEvent(ev *hub.Event) ([]byte, error) {
	var data sio.Data
	if ev.Socket != nil {
		data = ev.Socket.Data()
	}
	b := make([]byte, 0, 768+ev.Args.Size()*4/3+data.Size()*4/3)
	b = appendText(append(b, `{"type":`...), string(ev.Type))
	b = appendText(append(b, `,"namespace":`...), ev.Namespace().Name())
	b = appendText(append(b, `,"event":`...), ev.Name)
	b, err := appendData(append(b, `,"args":`...), ev.Args)
	if err != nil {
		return nil, err
	}
	b = strconv.AppendBool(append(b, `,"ack":`...), ev.WantsAck())
	if ev.Reason != "" {
		b = appendText(append(b, `,"reason":`...), ev.Reason)
	}
	if ev.Room != "" {
		b = appendText(append(b, `,"room":`...), ev.Room)
	}
	if ev.Socket == nil {
		return append(b, '}'), nil
	}
	return appendSocket(b, ev.Socket, data)
}

// appendSocket appends the object about the socket, and the end of the body.
func appendSocket(b []byte, s *hub.Socket, data sio.Data) (body []byte, err error) {
	b = appendText(append(b, `,"socket":{"id":`...), s.ID())
	b = append(b, `,"rooms":[`...)
	for i, room := range s.Rooms() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, room)
	}
	if b, err = appendData(append(b, `],"data":`...), data); err != nil {
		return nil, err
	}
	if b, err = appendData(append(b, `,"auth":`...), s.Handshake().Auth); err != nil {
		return nil, err
	}
	b = appendHandshake(append(b, `,"handshake":`...), s)
	return append(b, `}}`...), nil
}

// appendHandshake appends the object about the request that opened the connection.
func appendHandshake(b []byte, s *hub.Socket) []byte {
	h := s.Handshake()
	b = h.Time.UTC().AppendFormat(append(b, `{"time":"`...), "2006-01-02T15:04:05Z")
	b = appendText(append(b, `","address":`...), h.Address)
	b = appendText(append(b, `,"url":`...), h.URL)
	b = append(b, `,"query":{`...)
	query := h.Query()
	for i, key := range slices.Sorted(maps.Keys(query)) {
		if i > 0 {
			b = append(b, ',')
		}
		values := query[key]
		b = appendText(append(appendText(b, key), ':'), values[len(values)-1])
	}
	return append(strconv.AppendBool(append(b, `},"secure":`...), h.Secure), '}')
}

// appendText appends text as a JSON string.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // a string always marshals
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// appendData appends a value, null without one.
func appendData(b []byte, d sio.Data) ([]byte, error) {
	raw, err := d.MarshalJSON()
	return append(b, raw...), err
}

// serveRequest sends an event through the HTTP handlers and keeps the response in w.
func (b *Handler) serveRequest(ctx context.Context, ev *hub.Event, w http.ResponseWriter, body []byte) error {
	q, err := b.openingRequest(ev)
	if err != nil {
		return err
	}
	r := q.ForBackend(ctx)
	getBody := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	if r.Body, _ = getBody(); !b.placed.setsBody {
		r.GetBody = getBody // so that Go can retry on another connection
	}
	r.ContentLength = int64(len(body))
	r.Header = b.newHeader(q, body)
	if trace.SpanContextFromContext(ctx).IsValid() {
		spanPropagators().Inject(ctx, propagation.HeaderCarrier(r.Header)) // in place of the handshake's
	}
	repl := caddy.NewReplacer()
	r = q.PrepareForBackend(r, repl, w, b.server, b.placed.assignsName)
	repl.Map(func(name string) (any, bool) { return b.placed.replacePlaceholder(ev, repl, name) })
	err = b.callHandlers(w, r)
	if e, ok := errors.AsType[*placeError](err); ok {
		return b.refuseValue(ev, e)
	}
	if e, ok := err.(caddyhttp.HandlerError); ok && e.StatusCode >= 400 && e.StatusCode < 500 {
		w.WriteHeader(e.StatusCode) // a handler refuses, like forward_auth
		return nil
	}
	return err
}

// spanPropagators write the span of an event into the header of its request, as Caddy's tracing
// handler does: OTEL_PROPAGATORS chooses them.
var spanPropagators = sync.OnceValue(func() propagation.TextMapPropagator { return autoprop.NewTextMapPropagator() })

// openingRequest returns the HTTP request that opened the connection of the event's
// socket, or for an event without a socket a request without headers.
func (b *Handler) openingRequest(ev *hub.Event) (*handshake.Request, error) {
	if ev.Socket == nil {
		return handshake.NewBackend(b.path), nil
	}
	q, ok := ev.Socket.Handshake().Context.(*handshake.Request)
	if !ok {
		return nil, errors.New("the connection did not come through Caddy")
	}
	return q, nil
}

// refuseValue returns the error for an event with a value that can't stand in its
// place. It is the client's error, except in places for the application's values only.
func (b *Handler) refuseValue(ev *hub.Event, e *placeError) error {
	if e.place.leastTrust < chosenValue {
		return e
	}
	b.log.Debug("event refused", append(logFields(ev), zap.Error(e))...)
	return &hub.ClientError{Message: http.StatusText(http.StatusBadRequest)}
}

// callHandlers calls the HTTP handlers and turns their panics into errors.
// reverse_proxy panics when a response breaks off. Placeholders panic with a
// [placeError].
func (b *Handler) callHandlers(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *placeError:
			err = p
		case error:
			if err = errBrokenOff; p != http.ErrAbortHandler {
				err = fmt.Errorf("panic in an HTTP handler: %w\n%s", p, debug.Stack())
			}
		default:
			err = fmt.Errorf("panic in an HTTP handler: %v\n%s", p, debug.Stack())
		}
	}()
	return b.chain.ServeHTTP(w, r)
}

// acceptedTypes are the types of replies. Frameworks take the first one.
const acceptedTypes = "application/json, application/x-ndjson;q=0.9, text/event-stream;q=0.9"

// newHeader returns the header of a request, signed if there are secrets.
func (b *Handler) newHeader(q *handshake.Request, body []byte) http.Header {
	header := forwardHeader(q.Header())
	header.Set("Content-Type", "application/json")
	header.Set("Accept", acceptedTypes)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if b.secrets != nil {
		signHeader(header, b.secrets, newWebhookID(), time.Now(), body)
	}
	return header
}

// forwardHeader returns a copy of a client's header without the headers that are
// withheld from the backend, with room for six more.
func forwardHeader(from http.Header) http.Header {
	return hopbyhop.CopyHeader(from, 6, isWithheld)
}

// isWithheld reports whether a header of the client does not go to the backend. Some
// headers are about the client's connection or the body of its request. Some may be set
// by a signature only. Some backends take others for another method, path or host than
// the request has.
func isWithheld(name string) bool {
	if strings.ContainsRune(name, '_') { // CGI makes both the same name
		dashed := http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
		return strings.HasPrefix(dashed, "X-Forwarded-") || dashed == "Forwarded" || isWithheld(dashed)
	}
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Proxy-Authorization", "Proxy",
		"Content-Length", "Content-Type", "Content-Encoding", "Accept", "Accept-Encoding", "Expect", "Range",
		"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
		"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Method", "X-Forwarded-Method",
		"X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Script-Name",
		"X-Override-Url", "X-Url-Rewrite", "X-Proxy-Url", "X-Http-Path", "X-Http-Destinationurl", "X-Replaced-Path",
		"X-Envoy-Original-Path", "X-Waws-Unencoded-Url", "X-Middleware-Subrequest",
		"X-Host", "X-Original-Host", "X-Http-Host-Override":
		return true
	}
	return hopbyhop.IsHeader(name) || strings.HasPrefix(name, ":") || strings.HasPrefix(name, "Webhook-")
}

// response keeps the response of HTTP handlers, up to a limit, or applies it as a stream.
type response struct {
	call   *call
	limit  int64
	header http.Header
	status int // the final status; 0 before
	// informational is the last status below 200.
	informational int
	body          bytes.Buffer
	tooLarge      bool
	refused       error       // the connection has no memory for the body
	stream        *streamBody // nil unless the response is a stream
}

func (w *response) Header() http.Header { return w.header }

// WriteHeader keeps the final status. After an informational status another follows,
// except after 101.
func (w *response) WriteHeader(status int) {
	switch {
	case w.status != 0:
	case status >= 200 || status == http.StatusSwitchingProtocols:
		w.setStatus(status)
	default:
		w.informational = status
	}
}

// setStatus sets the final status. A stream begins with it.
func (w *response) setStatus(status int) {
	w.status = status
	if isStream, isEvents := isStreamType(w.header); isStream && status == http.StatusOK {
		w.stream = w.call.beginStream(w.header, isEvents)
	}
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 { // FastCGI may send a body with an informational status
		w.setStatus(cmp.Or(w.informational, http.StatusOK))
	}
	if w.stream != nil {
		return w.stream.write(p)
	}
	if int64(w.body.Len()+len(p)) > w.limit {
		w.tooLarge = true
		return 0, errTooLarge
	}
	before := w.body.Cap()
	n, err := w.body.Write(p)
	if w.refused = w.call.reserve(w.body.Cap() - before); w.refused != nil {
		return 0, w.refused
	}
	return n, err
}

// FlushError does nothing: a response is parsed when it is complete, and a stream is
// applied as it is written.
func (w *response) FlushError() error { return nil }
