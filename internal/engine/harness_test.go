package engine_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
	"github.com/caddy-socketio/caddy-socketio/internal/engine"
	"github.com/gorilla/websocket"
)

// testReceiver is the receiver of a session in tests. It keeps its messages, and echoes
// them.
type testReceiver struct {
	session *engine.Session
	onText  func(*testReceiver, string) error

	mu     sync.Mutex // guards the following
	texts  []string
	reason string
	closed int
}

func (p *testReceiver) Receive(packet eio.Packet) error {
	text := string(packet.Data)
	p.mu.Lock()
	p.texts = append(p.texts, text)
	p.mu.Unlock()
	switch {
	case p.onText != nil:
		return p.onText(p, text)
	case packet.Binary:
		p.session.Send(eio.NewMessage([]byte("bin"), [][]byte{bytes.Clone(packet.Data)}, false))
	default:
		p.session.Send(eio.NewMessage([]byte(text), nil, true))
	}
	return nil
}

func (p *testReceiver) Closed(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reason = reason
	p.closed++
}

func (p *testReceiver) receivedTexts() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.texts, " ")
}

func (p *testReceiver) closeReason() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed > 1 {
		return "closed more than once"
	}
	return p.reason
}

// testServer is an engine behind an HTTP server, over connections in memory or real ones.
type testServer struct {
	t      testing.TB
	server *engine.Server
	route  *engine.Route
	url    string
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	http   *http.Client
	accept func(*testReceiver) error
	done   chan struct{} // Request.Done
	hold   bool

	mu        sync.Mutex // guards receivers
	receivers []*testReceiver
}

func testConfig() engine.Config {
	return engine.Config{Path: "/socket.io/", Polling: true, WebSocket: true, V3: true, V4: true}
}

func newTestServer(t testing.TB, c engine.Config, o engine.Options) *testServer {
	w := &testServer{t: t, route: engine.NewRoute(c), done: make(chan struct{})}
	o.Accept = func(s *engine.Session) (engine.Receiver, error) {
		p := &testReceiver{session: s}
		if w.accept != nil {
			if err := w.accept(p); err != nil {
				return nil, err
			}
		}
		w.mu.Lock()
		w.receivers = append(w.receivers, p)
		w.mu.Unlock()
		return p, nil
	}
	w.server = engine.NewServer(o)
	return w
}

func (w *testServer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.server.ServeEngine(&engine.Request{W: rw, R: r, Route: w.route, Address: cmp.Or(r.URL.Query().Get("address"), "192.0.2.1"), Done: w.done, Hold: w.hold})
}

// lastReceiver returns the receiver of the newest session.
func (w *testServer) lastReceiver() *testReceiver {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.receivers[len(w.receivers)-1]
}

// runInBubble runs a test in a synctest bubble, against a server over pipes. All
// goroutines of the server and its sessions must have ended when the test ends.
func runInBubble(t *testing.T, c engine.Config, test func(t *testing.T, w *testServer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newTestServer(t, c, engine.Options{})
		l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: w}
		go server.Serve(l)
		w.url, w.dial = "pipe", l.dial
		transport := &http.Transport{DialContext: l.dial}
		w.http = &http.Client{Transport: transport}
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			w.server.Drain(ctx, "test over")
			cancel()
			transport.CloseIdleConnections()
			server.Close()
			l.Close()
			time.Sleep(2 * time.Minute) // of the bubble: sessions that wait for a last poll
			if n := w.route.Sessions(); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
		}()
		test(t, w)
	})
}

// pipeListener is a listener whose connections are in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// request sends an HTTP request and returns the status, body and header of the response.
func (w *testServer) request(method, query, body string, header ...string) (int, string, http.Header) {
	w.t.Helper()
	r, err := http.NewRequest(method, "http://"+w.url+"/socket.io/?"+query, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := w.http.Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(out), resp.Header
}

// wantResponse sends an HTTP request and checks the response.
func (w *testServer) wantResponse(method, query, body string, status int, answer string) {
	w.t.Helper()
	if s, b, _ := w.request(method, query, body); s != status || b != answer {
		w.t.Errorf("%s %s %q: got %d %q, want %d %q", method, query, body, s, b, status, answer)
	}
}

// openPolling opens a polling session and returns the query of its further requests.
func (w *testServer) openPolling(query string) string {
	w.t.Helper()
	if status, body, _ := w.request("GET", query+"&transport=polling", ""); status != 200 {
		w.t.Fatalf("handshake: %d %s", status, body)
	}
	return query + "&transport=polling&sid=" + w.lastReceiver().session.ID()
}

// dialWebSocket opens a WebSocket.
func (w *testServer) dialWebSocket(query string) *client {
	w.t.Helper()
	d := websocket.Dialer{NetDialContext: w.dial}
	conn, resp, err := d.Dial("ws://"+w.url+"/socket.io/?transport=websocket&"+query, nil)
	if err != nil {
		w.t.Fatalf("dial %s: %v %v", query, err, resp)
	}
	w.t.Cleanup(func() { conn.Close() })
	return &client{w.t, conn}
}

// client is a WebSocket of a test.
type client struct {
	t testing.TB
	*websocket.Conn
}

func (c *client) sendText(text string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Errorf("send %q: %v", text, err)
	}
}

// readMessage returns the next message, with "binary:" before a binary one, or the text of
// the error.
func (c *client) readMessage() string {
	kind, data, err := c.ReadMessage()
	switch {
	case err != nil:
		return err.Error()
	case kind == websocket.BinaryMessage:
		return "binary:" + string(data)
	}
	return string(data)
}

func (c *client) wantMessages(texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		if got := c.readMessage(); got != text {
			c.t.Fatalf("got %q, want %q", got, text)
		}
	}
}

// wantOpenPacket reads the open packet.
func (c *client) wantOpenPacket() {
	c.t.Helper()
	if got := c.readMessage(); !strings.HasPrefix(got, `0{"sid":"`) {
		c.t.Fatalf("got %q, want an open packet", got)
	}
}

const closedWithoutStatus = "websocket: close 1005 (no status)"

// wantCloseReason checks the reason that the newest session has closed for, "" if it is
// open.
func (w *testServer) wantCloseReason(reason string) {
	w.t.Helper()
	synctest.Wait()
	if got := w.lastReceiver().closeReason(); got != reason {
		w.t.Errorf("closed by %q, want %q", got, reason)
	}
}

// dialRaw opens a WebSocket by hand, sending early along with the handshake.
func (w *testServer) dialRaw(query, early string, header string) (net.Conn, *bufio.Reader) {
	w.t.Helper()
	c, err := w.dial(w.t.Context(), "tcp", w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	request := "GET /socket.io/?transport=websocket&" + query + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + header + "\r\n"
	if _, err := io.WriteString(c, request+early); err != nil {
		w.t.Fatal(err)
	}
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		w.t.Fatalf("handshake: %v %v", resp, err)
	}
	return c, br
}
