package engine

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Reasons that a session ends for, as Socket.IO names them. The owner of a session
// adds its own through [Session.Close].
const (
	ReasonTransportClose = "transport close" // the client or the network hung up
	ReasonTransportError = "transport error" // the client broke the rules of its transport
	ReasonPingTimeout    = "ping timeout"    // nothing was heard for too long
	ReasonParseError     = "parse error"     // a packet could not be decoded
	ReasonForced         = "forced close"    // the queue of a slow client overflowed, or a panic
)

var (
	errHeartbeat   = errors.New("ping from a client that has to wait for one")
	errClosePacket = errors.New("close packet")
	errProbe       = errors.New("unexpected packet on a probing connection")
	errClosed      = errors.New("session is closed")
	errQuiet       = errors.New("nothing will come soon") // no fault
)

// refusal is an answer that ends a request without a session. Code and message are
// those of the Engine.IO server in Node.
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
)

// writeTo writes the refusal: JSON, or plain text to those that asked for a WebSocket.
func (e *refusal) writeTo(w http.ResponseWriter, upgrade bool) {
	body, kind := `{"code":`+strconv.Itoa(e.code)+`,"message":"`+e.message+`"}`, "application/json"
	if upgrade {
		body, kind = e.message, "text/html"
	}
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	writeResponse(w, e.status, kind, body)
}

// answer writes a whole response of one piece.
func writeResponse(w http.ResponseWriter, status int, kind, body string) {
	h := w.Header()
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	limitWriteTime(w)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // nobody is left to tell
}

// limitWriteTime bounds how long a small response may take to be written.
func limitWriteTime(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
}
