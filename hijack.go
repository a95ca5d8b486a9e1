package socketio

import (
	"bufio"
	"net"
	"net/http"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// newHijackFunc returns a function that takes over an HTTP/1.1 connection for a
// WebSocket. The response passes Caddy's writers first, so that logs, metrics and
// deferred headers see it. Then the server's own connection is taken: the WebSocket
// outlives the handler, and must not hold the writers.
func newHijackFunc(w http.ResponseWriter, r *http.Request) func() (net.Conn, *bufio.ReadWriter, error) {
	return func() (net.Conn, *bufio.ReadWriter, error) {
		own := unwrapWriter(w)
		held := writeHeaderAbove(own, w, r)
		conn, buffered, err := http.NewResponseController(own).Hijack()
		if err != nil {
			return nil, nil, err
		}
		_ = conn.SetWriteDeadline(time.Now().Add(handshakeWriteTimeout)) // the engine lifts it
		if held {
			engine.WriteSwitching(buffered.Writer, own.Header())
		}
		return conn, buffered, nil
	}
}

// writeHeaderAbove writes the header of a 101 to Caddy's writers. It reports whether own, the
// writer of the server, has not got it: own would write it at once, and the first packet needs
// a write of its own then. Caddy's lowest writer always is the one of idle timeouts, unless
// these are switched off.
func writeHeaderAbove(own, w http.ResponseWriter, r *http.Request) (held bool) {
	h := heldHeader{ResponseWriter: own}
	if _, idle := caddyhttp.IdleTimeoutsFromContext(r.Context()); idle != nil {
		lowest := idle.ResponseWriterWrapper
		defer func(below http.ResponseWriter) { lowest.ResponseWriter = below }(lowest.ResponseWriter)
		lowest.ResponseWriter = &h
	}
	w.WriteHeader(http.StatusSwitchingProtocols)
	return h.held
}

// heldHeader is a server's writer that does not get the header of a 101, which has no body.
type heldHeader struct {
	http.ResponseWriter
	held bool
}

func (h *heldHeader) WriteHeader(int) { h.held = true }

func (*heldHeader) Write([]byte) (int, error) { return 0, http.ErrBodyNotAllowed }

// unwrapWriter returns the server's own writer, without the writers that Caddy wraps it
// in.
func unwrapWriter(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}
