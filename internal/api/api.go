// Package api is what the outside world may ask of the hubs of a process, as JSON
// over HTTP: emit, join, leave, disconnect, list. It is mounted on Caddy's admin
// endpoint, and on ordinary routes. The file openapi.yaml of the repository
// describes it for clients.
package api

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// MaxBody is how many bytes the body of a request may have, streams excepted.
const MaxBody = 16 << 20

// API answers requests. It holds nothing but the way to the hubs, so that it need
// not be told of a new config. It must not be changed while it is in use.
type API struct {
	// Hubs ranges over the hubs that exist.
	Hubs iter.Seq[*hub.Hub]
	// DefaultHub is the name of the hub that is meant where none is named.
	DefaultHub string
	// Version of the program, for the status.
	Version string

	// OnlyHub is the name of the only hub that requests may be about. Default:
	// all hubs.
	OnlyHub string
	// OnlyOperations are the names of the operations that are allowed, see
	// [Operations]. Default: all.
	OnlyOperations []string
	// OnlyNamespaces are names and globs of the namespaces that requests may be
	// about; a star matches any text without a slash. Default: all.
	OnlyNamespaces []string
}

// StatusOperation is the name of the operation that has no path of its own: what
// is asked for at the root of the API.
const StatusOperation = "status"

// operation is one thing that the API does.
type operation struct {
	method string
	run    func(a *API, w http.ResponseWriter, r *http.Request) (any, error)
}

// operations are all there are, by name.
var operations = map[string]operation{
	StatusOperation:    {http.MethodGet, (*API).handleStatus},
	"emit":             {http.MethodPost, (*API).handleEmit},
	"join":             {http.MethodPost, (*API).handleJoin},
	"leave":            {http.MethodPost, (*API).handleLeave},
	"disconnect":       {http.MethodPost, (*API).handleDisconnect},
	"server_side_emit": {http.MethodPost, (*API).handleServerSideEmit},
	"namespaces":       {http.MethodGet, (*API).handleNamespaces},
	"rooms":            {http.MethodGet, (*API).handleRooms},
	"sockets":          {http.MethodGet, (*API).handleSockets},
}

// Operations returns the names of all operations, sorted: the last element of
// their paths, and [StatusOperation].
func Operations() []string { return slices.Sorted(maps.Keys(operations)) }

// Serve answers a request for what stands after the API's root in a path: the name
// of an operation, or nothing for the status. The error is an [*Error], and nothing
// was written then; any other error says that the answer could not be written.
func (a *API) Serve(w http.ResponseWriter, r *http.Request, path string) error {
	limitBodyTime(w, r)
	answer, err := a.callOperation(w, r, path)
	if err != nil {
		discardBody(r)
		return asError(err)
	}
	return writeJSON(w, http.StatusOK, answer)
}

func (a *API) callOperation(w http.ResponseWriter, r *http.Request, path string) (any, error) {
	name := path
	switch name {
	case StatusOperation:
		name = "" // it is at the root only
	case "":
		name = StatusOperation
	}
	op, ok := operations[name]
	if !ok {
		return nil, notFound("there is no operation %q", path)
	}
	if a.OnlyOperations != nil && !slices.Contains(a.OnlyOperations, name) {
		return nil, notAllowed("%s is not allowed here", name)
	}
	if err := op.checkMethod(r.Method); err != nil {
		return nil, err
	}
	return op.run(a, w, r)
}

func (op operation) checkMethod(method string) error {
	allow := op.method
	if allow == http.MethodGet {
		allow = "GET, HEAD"
	}
	if slices.Contains(strings.Split(allow, ", "), method) {
		return nil
	}
	return &Error{
		Status: http.StatusMethodNotAllowed, Allow: allow,
		Message: fmt.Sprintf("method %s is not allowed: expected %s", method, op.method),
	}
}

// writeJSON writes an answer at once, or nothing of it with an error.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return encodeJSON(statusWriter{w, status}, v)
}

func encodeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// statusWriter writes the status when there is something to follow it.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w statusWriter) Write(p []byte) (int, error) {
	limitReplyTime(w.ResponseWriter, len(p))
	w.WriteHeader(w.status) // the encoder writes once
	return w.ResponseWriter.Write(p)
}
