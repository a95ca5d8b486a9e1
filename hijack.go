package socketio

import (
	"bufio"
	"maps"
	"net"
	"net/http"
	"time"
)

// newHijackFunc takes an HTTP/1.1 connection over for a WebSocket. The answer goes
// through Caddy's writers first, so that logs, metrics and deferred headers have
// what they want of it; then the innermost connection is taken, so that what
// outlives the handler holds none of those writers.
func newHijackFunc(w http.ResponseWriter) func(http.Header) (net.Conn, *bufio.ReadWriter, error) {
	return func(header http.Header) (net.Conn, *bufio.ReadWriter, error) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, buffered, err := http.NewResponseController(unwrapWriter(w)).Hijack()
		if err != nil {
			return nil, nil, err
		}
		_ = conn.SetWriteDeadline(time.Now().Add(handshakeWriteTimeout)) // the engine lifts it
		if err := buffered.Flush(); err != nil {
			conn.Close()
			return nil, nil, err
		}
		return conn, buffered, nil
	}
}

// unwrapWriter is the server's own writer, below all that Caddy wraps it in.
func unwrapWriter(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}
