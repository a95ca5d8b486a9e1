// Package api is what the outside world may ask of the hubs of a process, as JSON
// over HTTP: emit, join, leave, disconnect, list. It is mounted on Caddy's admin
// endpoint, and on ordinary routes.
package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// MaxBody is how many bytes the body of a request may have, streams excepted.
const MaxBody = 16 << 20

// API answers requests. It holds nothing but the way to the hubs, so that it need
// not be told of a new config.
type API struct {
	// Hubs ranges over the hubs that exist.
	Hubs iter.Seq[*hub.Hub]
	// DefaultHub is the name of the hub that is meant where none is named.
	DefaultHub string
	// Version of the program, for the overview.
	Version string
}

// Error is an answer that is no success. It is written as {"error": MESSAGE}.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Message says what is wrong: the field at fault, and what was expected.
	Message string
	// Allow lists the methods that would do, with status 405.
	Allow string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func badRequest(format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// operation is one thing that the API does.
type operation struct {
	method string
	do     func(a *API, w http.ResponseWriter, r *http.Request) (any, error)
}

var operations = map[string]operation{
	"":                 {http.MethodGet, (*API).overview},
	"emit":             {http.MethodPost, (*API).emit},
	"join":             {http.MethodPost, (*API).join},
	"leave":            {http.MethodPost, (*API).leave},
	"disconnect":       {http.MethodPost, (*API).disconnect},
	"server_side_emit": {http.MethodPost, (*API).serverSideEmit},
	"namespaces":       {http.MethodGet, (*API).namespaces},
	"rooms":            {http.MethodGet, (*API).rooms},
	"sockets":          {http.MethodGet, (*API).sockets},
}

// Serve answers a request for the operation of a name. The error is an [*Error],
// and nothing was written then.
func (a *API) Serve(w http.ResponseWriter, r *http.Request, name string) error {
	op, ok := operations[name]
	if !ok {
		return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no such operation: %q", name)}
	}
	if r.Method != op.method && !(r.Method == http.MethodHead && op.method == http.MethodGet) {
		return &Error{
			Status: http.StatusMethodNotAllowed, Allow: op.method,
			Message: fmt.Sprintf("method %s is not allowed: expected %s", r.Method, op.method),
		}
	}
	answer, err := op.do(a, w, r)
	if err != nil {
		return asError(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, answer)
}

// WriteError answers with an error.
func WriteError(w http.ResponseWriter, err error) {
	e := asError(err)
	if e.Allow != "" {
		w.Header().Set("Allow", e.Allow)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(e.Status)
	_ = writeJSON(w, map[string]string{"error": e.Message}) // nobody else to tell
}

func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Error{
			Status:  http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit),
		}
	}
	return &Error{Status: http.StatusBadRequest, Message: err.Error()}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// contentType checks the type of a body, and reports whether it is a stream.
func contentType(r *http.Request) (stream bool, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		return false, nil
	case "application/x-ndjson":
		return true, nil
	}
	return false, &Error{
		Status:  http.StatusUnsupportedMediaType,
		Message: fmt.Sprintf("content type %q is not supported: expected application/json", r.Header.Get("Content-Type")),
	}
}

// readBody reads a body that is one JSON value, strictly.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	stream, err := contentType(r)
	if err != nil {
		return err
	}
	if stream {
		return &Error{Status: http.StatusUnsupportedMediaType, Message: "expected application/json: only emit takes a stream"}
	}
	return decode(http.MaxBytesReader(w, r.Body, MaxBody), into)
}

// decode reads one JSON value and nothing after it. Fields that are not known are
// errors, which name them.
func decode(r io.Reader, into any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return describe(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		if _, big := errors.AsType[*http.MaxBytesError](err); big {
			return err
		}
		return badRequest("body: expected one JSON value, there is more after it")
	}
	return nil
}

// describe says in the words of the API what is wrong with a body.
func describe(err error) error {
	if _, big := errors.AsType[*http.MaxBytesError](err); big {
		return err
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return badRequest("%s: unexpected %s, expected %s", wrong.Field, wrong.Value, typeName(wrong.Type.String()))
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return badRequest("%s: unknown field", strings.Trim(field, `"`))
	}
	if err == io.EOF {
		return badRequest("body: expected JSON, it is empty")
	}
	return badRequest("body: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// typeName says in JSON's words what a Go type is in JSON.
func typeName(t string) string {
	switch {
	case t == "string", t == "bool":
		return "a " + t
	case strings.HasPrefix(t, "[]"):
		return "a list"
	case strings.HasPrefix(t, "int"):
		return "a number"
	}
	return "an object"
}

// scope names a namespace of a hub. It stands in the body or in the query.
type scope struct {
	Hub       string `json:"hub,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// fill takes what the body leaves out from the query.
func (s *scope) fill(q url.Values) {
	if s.Hub == "" {
		s.Hub = q.Get("hub")
	}
	if s.Namespace == "" {
		s.Namespace = q.Get("namespace")
	}
}

// hub finds the hub that is meant.
func (a *API) hub(s scope) (*hub.Hub, error) {
	name := s.Hub
	if name == "" {
		name = a.DefaultHub
	}
	for h := range a.Hubs {
		if h.Name() == name {
			return h, nil
		}
	}
	return nil, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("hub: there is no hub %q", name)}
}

// in calls fn with the namespace that is meant.
func (a *API) in(s scope, fn func(*hub.Namespace) error) error {
	h, err := a.hub(s)
	if err != nil {
		return err
	}
	name := s.Namespace
	if name == "" {
		name = "/"
	}
	if !h.Visit(name, func(ns *hub.Namespace) { err = fn(ns) }) {
		return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("namespace: there is no namespace %q in hub %q", name, h.Name())}
	}
	return err
}

// target names sockets by rooms.
func target(in, except []string) (rooms.Target, error) {
	for _, room := range in {
		if room == "" {
			return rooms.Target{}, errors.New("the name of a room is empty")
		}
	}
	return rooms.Target{In: in, Except: except}, nil
}
