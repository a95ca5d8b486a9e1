package socketio

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// handshakeWriteTimeout is how long a client may take to read the response to its
// handshake.
const handshakeWriteTimeout = 5 * time.Second

// opensStream reports whether a request opens a WebSocket on a stream of HTTP/2 (RFC
// 8441) or HTTP/3 (RFC 9220).
func opensStream(r *http.Request) bool {
	if r.Method != http.MethodConnect {
		return false
	}
	return r.ProtoMajor == 2 && r.Header.Get(":protocol") == "websocket" || r.ProtoMajor == 3 && r.Proto == "websocket"
}

// convertStreamRequest converts a request on a stream to one that HTTP/1.1 would upgrade.
// The HTTP handler is kept until the session closes. The caller must call the returned
// function then.
func convertStreamRequest(q *engine.Request) (undo func()) {
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
		// Heartbeats detect a lost client. They may be further apart than the
		// server's idle timeout for a body.
		undo = idle.Override(24*time.Hour, 0)
	}
	q.Hijack = func() (net.Conn, *bufio.ReadWriter, error) {
		for _, name := range []string{"Connection", "Upgrade", "Sec-Websocket-Accept"} { // of HTTP/1.1 only
			w.Header().Del(name)
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(handshakeWriteTimeout))
		w.WriteHeader(http.StatusOK)
		s := &streamConn{
			body: original.Body, w: w, control: http.NewResponseController(w), endWrite: q.AbortWrite,
			remote: streamAddr(original.RemoteAddr),
		}
		if err := s.control.Flush(); err != nil {
			return nil, nil, err
		}
		_ = s.SetWriteDeadline(time.Time{}) // on a stream of HTTP/2 it would end an idle one
		return s, bufio.NewReadWriter(bufio.NewReaderSize(s, 16), bufio.NewWriterSize(s, 16)), nil
	}
	return undo
}

// streamConn is a stream of HTTP/2 or HTTP/3 as a net.Conn.
type streamConn struct {
	body     io.ReadCloser
	w        http.ResponseWriter
	control  *http.ResponseController
	endWrite func()
	remote   streamAddr
	closing  sync.Once
}

func (s *streamConn) Read(p []byte) (int, error) { return s.body.Read(p) }

func (s *streamConn) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err == nil {
		err = s.control.Flush()
	}
	return n, err
}

// Close closes the stream for reading. The stream ends when the HTTP handler returns.
func (s *streamConn) Close() (err error) {
	s.closing.Do(func() { err = s.body.Close() })
	return err
}

func (s *streamConn) LocalAddr() net.Addr               { return streamAddr("") }
func (s *streamConn) RemoteAddr() net.Addr              { return s.remote }
func (s *streamConn) SetReadDeadline(t time.Time) error { return s.control.SetReadDeadline(t) }

// SetWriteDeadline sets the write deadline. Only the writing goroutine may set one in the
// future. Any goroutine may set one in the past, which ends writing for good.
func (s *streamConn) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now()) {
		s.endWrite()
		return nil
	}
	return s.control.SetWriteDeadline(t)
}

func (s *streamConn) SetDeadline(t time.Time) error {
	if err := s.SetReadDeadline(t); err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

// streamAddr is the address of a stream's client.
type streamAddr string

func (streamAddr) Network() string  { return "tcp" }
func (a streamAddr) String() string { return string(a) }
