package socketio

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// upgradeTimeout is how long a client may take to read the answer to its handshake.
const upgradeTimeout = 5 * time.Second

// hijack takes an HTTP/1.1 connection over for a WebSocket. The answer goes
// through Caddy's writers first, so that logs, metrics and deferred headers have
// what they want of it; then the innermost connection is taken, so that what
// outlives the handler holds none of those writers.
func hijack(w http.ResponseWriter) func(http.Header) (net.Conn, *bufio.ReadWriter, error) {
	return func(header http.Header) (net.Conn, *bufio.ReadWriter, error) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, buffered, err := http.NewResponseController(innermost(w)).Hijack()
		if err != nil {
			return nil, nil, err
		}
		_ = conn.SetWriteDeadline(time.Now().Add(upgradeTimeout)) // the engine lifts it
		if err := buffered.Flush(); err != nil {
			conn.Close()
			return nil, nil, err
		}
		return conn, buffered, nil
	}
}

// innermost is the server's own writer, below all that Caddy wraps it in.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

// streams reports whether a request opens a WebSocket on a stream of HTTP/2 (RFC
// 8441) or HTTP/3 (RFC 9220).
func streams(r *http.Request) bool {
	if r.Method != http.MethodConnect {
		return false
	}
	return r.ProtoMajor == 2 && r.Header.Get(":protocol") == "websocket" || r.ProtoMajor == 3 && r.Proto == "websocket"
}

// holdStream makes a request on a stream look like one that HTTP/1.1 would
// upgrade, and keeps its handler until the socket ends. The returned function is
// to be called then.
func holdStream(q *engine.Request) (undo func()) {
	w, original := q.W, q.R
	r := original.Clone(original.Context())
	var key [16]byte
	rand.Read(key[:]) // never fails

	r.Method, r.Body, r.ContentLength = http.MethodGet, http.NoBody, 0 // its body is the stream
	r.Header.Del(":protocol")
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:]))
	q.R, q.Hold = r, true
	undo = func() {}
	if idle, _ := caddyhttp.IdleTimeoutsFromContext(original.Context()); idle != nil {
		// Heartbeats tell whether the client is there; they may be further
		// apart than the server's patience with a body.
		undo = idle.Override(24*time.Hour, 0)
	}
	q.Hijack = func(header http.Header) (net.Conn, *bufio.ReadWriter, error) {
		for name, values := range header {
			switch name {
			case "Connection", "Upgrade", "Sec-Websocket-Accept": // of HTTP/1.1 only
			default:
				w.Header()[name] = values
			}
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(upgradeTimeout))
		w.WriteHeader(http.StatusOK)
		s := &stream{
			body: original.Body, w: w, control: http.NewResponseController(w), endWrite: q.AbortWrite,
			remote: address(original.RemoteAddr),
		}
		if err := s.control.Flush(); err != nil {
			return nil, nil, err
		}
		_ = s.SetWriteDeadline(time.Time{}) // on a stream of HTTP/2 it would end an idle one
		return s, bufio.NewReadWriter(bufio.NewReaderSize(s, 16), bufio.NewWriterSize(s, 16)), nil
	}
	return undo
}

// stream is a stream of HTTP/2 or HTTP/3 as a connection.
type stream struct {
	body     io.ReadCloser
	w        http.ResponseWriter
	control  *http.ResponseController
	endWrite func()
	remote   address
	closing  sync.Once
}

func (s *stream) Read(p []byte) (int, error) { return s.body.Read(p) }

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err == nil {
		err = s.control.Flush()
	}
	return n, err
}

// Close ends reading; the stream ends when the handler returns.
func (s *stream) Close() (err error) {
	s.closing.Do(func() { err = s.body.Close() })
	return err
}

func (s *stream) LocalAddr() net.Addr               { return address("") }
func (s *stream) RemoteAddr() net.Addr              { return s.remote }
func (s *stream) SetReadDeadline(t time.Time) error { return s.control.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of the goroutine that writes. One in the past, which
// any goroutine may set, ends writing for good.
func (s *stream) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now()) {
		s.endWrite()
		return nil
	}
	return s.control.SetWriteDeadline(t)
}

func (s *stream) SetDeadline(t time.Time) error {
	if err := s.SetReadDeadline(t); err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

// address is the address of a stream's client.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }
