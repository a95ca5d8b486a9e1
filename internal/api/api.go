// Package api is the API of the hubs of a process, as JSON over HTTP: it emits, changes
// rooms, disconnects, and lists. It is mounted on Caddy's admin endpoint and on ordinary
// routes. The file openapi.yaml of the repository describes it for clients.
//
// The package knows hubs and the contract of clusters. It knows nothing of Caddy.
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
	"github.com/caddy-socketio/caddy-socketio/internal/tail"
)

// MaxBody is the maximum size of a request body in bytes, streams excepted.
const MaxBody = 16 << 20

// API serves the HTTP requests of the API. It refers to hubs by a function, and does not
// change with the config. Its fields must not be changed while it is in use.
type API struct {
	// Hubs iterates over the hubs that exist.
	Hubs iter.Seq[*hub.Hub]
	// DefaultHub is the name of the hub of requests that name none.
	DefaultHub string
	// Version is the version of the module, for the status.
	Version string

	// Tails returns the tails of a hub. Nil means that there are none.
	Tails func(*hub.Hub) *tail.Server
	// Drainer drains the hubs. Nil means that the operation drain does not exist.
	Drainer *hub.Drainer

	// OnlyHub is the name of the only hub that requests may name. Default: all hubs.
	OnlyHub string
	// OnlyOperations are the names of the allowed operations, see [Operations]. Default:
	// all.
	OnlyOperations []string
	// OnlyNamespaces are names and globs of the namespaces that requests may name. A star
	// matches any text without a slash. Default: all.
	OnlyNamespaces []string
	// NotReady returns why this node should get no new clients, see [Health]. Nil means
	// that it always should.
	NotReady func() []string
}

// StatusOperation is the name of the operation at the root of the API, which has no path
// of its own.
const StatusOperation = "status"

// operation is one operation of the API: a function for each of its methods.
type operation map[string]func(a *API, w http.ResponseWriter, r *http.Request) (any, error)

// operations are all operations, by name.
var operations = map[string]operation{
	StatusOperation:    {http.MethodGet: (*API).handleStatus},
	"emit":             {http.MethodPost: (*API).handleEmit},
	"join":             {http.MethodPost: (*API).handleJoin},
	"leave":            {http.MethodPost: (*API).handleLeave},
	"disconnect":       {http.MethodPost: (*API).handleDisconnect},
	"server_side_emit": {http.MethodPost: (*API).handleServerSideEmit},
	"namespaces":       {http.MethodGet: (*API).handleNamespaces},
	"rooms":            {http.MethodGet: (*API).handleRooms},
	"sockets":          {http.MethodGet: (*API).handleSockets},
	"socket":           {http.MethodGet: (*API).handleSocket},
	"health/live":      {http.MethodGet: (*API).handleLive},
	"health/ready":     {http.MethodGet: (*API).handleReady},
	"tail":             {http.MethodGet: (*API).handleTail},
	"top":              {http.MethodGet: (*API).handleTop},
	"drain": {
		http.MethodGet: (*API).handleDrainStatus, http.MethodPost: (*API).handleDrainStart, http.MethodDelete: (*API).handleDrainCancel,
	},
}

// Operations returns the names of all operations, sorted. They are the first elements of
// their paths, and [StatusOperation].
func Operations() []string {
	names := make(map[string]bool)
	for path := range operations {
		names[operationName(path)] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// operationName returns the name by which the operation of a path is allowed.
func operationName(path string) string {
	name, _, _ := strings.Cut(path, "/")
	return name
}

// Serve serves a request. The path is the part after the API's root: the name of an
// operation, or empty for the status. It returns an [*Error] if it wrote nothing. Any
// other error is one of writing the reply.
func (a *API) Serve(w http.ResponseWriter, r *http.Request, path string) error {
	limitBodyTime(w, r)
	reply, err := a.callOperation(w, r, path)
	if err != nil {
		discardBody(r)
		return asError(err)
	}
	switch reply := reply.(type) {
	case writtenReply:
		return nil
	case statusReply:
		return writeJSON(w, reply.status, reply.value)
	}
	return writeJSON(w, http.StatusOK, reply)
}

// callOperation runs the operation of a path and returns its reply. An unknown operation,
// one that is not allowed, and a wrong method are errors.
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
	if a.OnlyOperations != nil && !slices.Contains(a.OnlyOperations, operationName(name)) {
		return nil, notAllowed("%s is not allowed here", operationName(name))
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if run, ok := op[method]; ok {
		return run(a, w, r)
	}
	return nil, op.refuseMethod(r.Method)
}

// refuseMethod returns the error with status 405 for a method that the operation does not
// have.
func (op operation) refuseMethod(method string) error {
	expected := strings.Join(slices.Sorted(maps.Keys(op)), ", ")
	return &Error{
		Status: http.StatusMethodNotAllowed, Allow: strings.Replace(expected, http.MethodGet, "GET, HEAD", 1),
		Message: fmt.Sprintf("method %s is not allowed: expected %s", method, expected),
	}
}

// writeJSON writes a status and a reply. It writes nothing if the reply cannot be
// encoded.
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

// statusWriter writes the status with the first bytes of the body.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w statusWriter) Write(p []byte) (int, error) {
	limitReplyTime(w.ResponseWriter, len(p))
	w.WriteHeader(w.status) // the encoder writes once
	return w.ResponseWriter.Write(p)
}
