package engine_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
)

// TestConformance is a server for the public test suites of the Engine.IO protocol. It
// echoes each message, with the heartbeat that the suites expect. It serves at the address
// in ENGINE_CONFORMANCE until its standard input ends. The suite of revision 4 needs a
// server for this revision alone, with ENGINE_CONFORMANCE_V3=off: otherwise a request
// without a revision is one of revision 3.
//
//	go test -c -o conformance ./internal/engine
//	ENGINE_CONFORMANCE=127.0.0.1:3000 ./conformance -test.run '^TestConformance$'
func TestConformance(t *testing.T) {
	address := os.Getenv("ENGINE_CONFORMANCE")
	if address == "" {
		t.Skip("ENGINE_CONFORMANCE names no address to serve at")
	}
	server := engine.NewServer(engine.Options{Accept: func(s *engine.Session) (engine.Receiver, error) {
		return echo{s}, nil
	}})
	route := engine.NewRoute(engine.Config{
		Path: "/engine.io/", Polling: true, WebSocket: true, V3: os.Getenv("ENGINE_CONFORMANCE_V3") != "off", V4: true,
		PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, MaxPayload: 1_000_000,
	})
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w = strippedResponse{w}
		server.ServeEngine(&engine.Request{W: w, R: r, Route: route})
	}))
	_, _ = io.Copy(io.Discard, os.Stdin)
	l.Close()
}

// echo is a receiver that sends each message back.
type echo struct{ *engine.Session }

func (e echo) Receive(p eio.Packet) error {
	data := bytes.Clone(p.Data)
	if p.Binary {
		e.Send(eio.NewMessage([]byte(headless), [][]byte{data}, false))
	} else {
		e.Send(eio.NewMessage(data, nil, false))
	}
	return nil
}

func (e echo) Closed(string) {}

// headless is a text that no client sends. A message of this server always has a text
// before its attachments, as Socket.IO needs it; an echo does not. The text is cut out
// of the bytes for the client.
const headless = "\x00headless\x00"

var heads = [][]byte{
	[]byte("\x81\x0b4" + headless),         // a frame
	[]byte("4" + headless + "\x1e"),        // a record of a payload of revision 4
	[]byte("11:4" + headless),              // of revision 3
	[]byte("\x00\x01\x01\xff4" + headless), // and of a binary one
}

// stripHeads cuts the headless texts out of p.
func stripHeads(p []byte) []byte {
	for _, head := range heads {
		p = bytes.ReplaceAll(p, head, nil)
	}
	return p
}

// strippedResponse is a response without the headless texts.
type strippedResponse struct{ http.ResponseWriter }

func (s strippedResponse) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s strippedResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, brw, err := http.NewResponseController(s.ResponseWriter).Hijack()
	return strippedConn{c}, brw, err
}

func (s strippedResponse) WriteHeader(status int) {
	s.Header().Del("Content-Length") // the body may become shorter
	s.ResponseWriter.WriteHeader(status)
}

func (s strippedResponse) Write(p []byte) (int, error) {
	_, err := s.ResponseWriter.Write(stripHeads(p))
	return len(p), err
}

// strippedConn is the connection of a WebSocket without the headless texts.
type strippedConn struct{ net.Conn }

func (s strippedConn) Write(p []byte) (int, error) {
	_, err := s.Conn.Write(stripHeads(p))
	return len(p), err
}

// CloseWrite closes the writing side, which a closing WebSocket needs.
func (s strippedConn) CloseWrite() error { return s.Conn.(*net.TCPConn).CloseWrite() }
