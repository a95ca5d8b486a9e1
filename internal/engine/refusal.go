package engine

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// refusal is a response to an HTTP request that is refused. Its code and message are
// the same as in the Engine.IO server for Node.js.
type refusal struct {
	code    int
	status  int
	message string
}

var (
	refusedTransport = &refusal{0, http.StatusBadRequest, "Transport unknown"}
	refusedSession   = &refusal{1, http.StatusBadRequest, "Session ID unknown"}
	refusedMethod    = &refusal{2, http.StatusBadRequest, "Bad handshake method"}
	refusedRequest   = &refusal{3, http.StatusBadRequest, "Bad request"}
	refusedOrigin    = &refusal{4, http.StatusForbidden, "Forbidden"}
	refusedVersion   = &refusal{5, http.StatusBadRequest, "Unsupported protocol version"}
	refusedHeader    = &refusal{3, http.StatusRequestHeaderFieldsTooLarge, "Request header is too large"}
	refusedFull      = &refusal{4, http.StatusServiceUnavailable, "Service unavailable"}
	refusedAddress   = &refusal{4, http.StatusTooManyRequests, "Too many requests"}
)

// writeTo writes the refusal: as JSON, or as plain text if the client wants a WebSocket.
func (e *refusal) writeTo(w http.ResponseWriter, upgrade bool) {
	body, contentType := `{"code":`+strconv.Itoa(e.code)+`,"message":"`+e.message+`"}`, "application/json"
	if upgrade {
		body, contentType = e.message, "text/html"
	}
	if e.status == http.StatusServiceUnavailable || e.status == http.StatusTooManyRequests {
		if w.Header().Get("Retry-After") == "" {
			// Clients that are refused together need not return together.
			w.Header().Set("Retry-After", strconv.Itoa(5+rand.IntN(11)))
		}
	}
	writeResponse(w, e.status, contentType, body)
}

// writeResponse writes a whole response. An empty contentType leaves the header out.
func writeResponse(w http.ResponseWriter, status int, contentType, body string) {
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	limitWriteTime(w)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // after an error, the client is gone
}

// limitWriteTime sets the deadline for writing a small response.
func limitWriteTime(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
}
