package socketio

import (
	"bufio"
	"maps"
	"net"
	"net/http"
	"time"
)

// newHijackFunc returns a function that takes over an HTTP/1.1 connection for a
// WebSocket. The response passes Caddy's writers first, so that logs, metrics and
// deferred headers see it. Then the server's own connection is taken: the WebSocket
// outlives the handler, and must not hold the writers.
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
