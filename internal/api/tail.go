package api

import (
	"context"
	"net/http"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/tail"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

const (
	// tailWriteTime is how long a client of a tail may take to read a part of it.
	tailWriteTime = 10 * time.Second
	// maxTailWrite is the size in bytes of these parts.
	maxTailWrite = 64 << 10
)

// TailRecord is one line of a tail.
type TailRecord = tail.Record

// writtenReply is the reply of an operation that has written it.
type writtenReply struct{}

// handleTail streams the records of a hub, a JSON object a line, until the client closes the
// request. Empty lines show that the connection lives.
func (a *API) handleTail(w http.ResponseWriter, r *http.Request) (any, error) {
	q, err := parseQuery(r, "hub", "namespace", "room", "socket", "user", "event", "raw")
	if err != nil {
		return nil, err
	}
	h, err := a.findHub(q.Get("hub"))
	if err != nil {
		return nil, err
	}
	f := tail.Filter{Room: q.Get("room"), Socket: q.Get("socket"), User: q.Get("user"), Event: q.Get("event")}
	if f.Raw, err = parseBool(q, "raw"); err != nil {
		return nil, err
	}
	if f.Namespaces, err = a.selectNamespaces(q.Get("namespace")); err != nil {
		return nil, err
	}
	if a.Tails == nil || a.Tails(h) == nil {
		return nil, notFound("hub: there are no tails of %q", h.Name())
	}
	t, err := a.Tails(h).Open(f)
	if err != nil {
		return nil, &Error{Status: http.StatusServiceUnavailable, Message: err.Error()}
	}
	defer t.Close()
	liftReadDeadline(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	if writeTail(w, nil) == nil && r.Method != http.MethodHead {
		streamTail(w, r, t)
	}
	return writtenReply{}, nil
}

// selectNamespaces returns the namespaces of a tail or a measurement: the one that the request
// names, or all that it may name.
func (a *API) selectNamespaces(name string) ([]string, error) {
	switch {
	case name == "":
		return a.OnlyNamespaces, nil
	case len(name) > sio.DefaultLimits.MaxNamespace:
		return nil, badRequest("namespace: longer than %d bytes", sio.DefaultLimits.MaxNamespace)
	case !a.allowsNamespace(name):
		return nil, notAllowed("namespace: %q is not allowed here", name)
	}
	return []string{name}, nil
}

// streamTail writes the records of a tail until it ends, or the request.
func streamTail(w http.ResponseWriter, r *http.Request, t *tail.Tail) {
	for {
		lines, ended := t.Read(r.Context().Done())
		if err := r.Context().Err(); err != nil {
			lines, ended = tail.AppendRecord(lines, tail.EndRecord(context.Cause(r.Context()).Error())), true
		}
		if len(lines) == 0 {
			lines = []byte("\n")
		}
		if writeTail(w, lines) != nil || ended {
			return
		}
	}
}

// writeTail writes lines and flushes them. The client has tailWriteTime for each part.
func writeTail(w http.ResponseWriter, lines []byte) error {
	control := http.NewResponseController(w)
	for {
		part := lines[:min(len(lines), maxTailWrite)]
		lines = lines[len(part):]
		_ = control.SetWriteDeadline(time.Now().Add(tailWriteTime)) // not every writer has deadlines
		if _, err := w.Write(part); err != nil {
			return err
		}
		if len(lines) == 0 {
			return control.Flush()
		}
	}
}
