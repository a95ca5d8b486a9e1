package handlers_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/caddy-socketio/caddy-socketio"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/gorilla/websocket"
)

// patience bounds how long a test waits for what must happen.
const patience = 10 * time.Second

// site is Caddy in this process, of which there is one at a time.
type site struct {
	t              testing.TB
	address, admin string
	logFile        string
	named          string // routes that others invoke
}

// serve runs Caddy with a site that has the directives.
func serve(t testing.TB, directives string) *site {
	t.Helper()
	return serveBeside(t, "", directives)
}

// serveBeside runs Caddy with named routes besides.
func serveBeside(t testing.TB, named, directives string) *site {
	t.Helper()
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	s := &site{t: t, address: freeAddress(t), admin: freeAddress(t), logFile: filepath.Join(t.TempDir(), "log"), named: named}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.load(directives)
	return s
}

// load replaces the site's directives.
func (s *site) load(directives string) {
	s.t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, `{
	admin %s
	persist_config off
	grace_period 1s
	log {
		output file %s
		format json
	}
}
%s
http://%s {
%s
}
`, s.admin, s.logFile, s.named, s.address, directives), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		s.t.Fatal(err)
	}
}

// socketio is the directive with a namespace /app whose events go to the backend,
// of which lines is the block.
func socketio(lines string) string {
	return fmt.Sprintf("socketio {\nnamespace /app {\non connect * disconnecting disconnect {\nbackend {\n%s\n}\n}\n}\n}\n", lines)
}

// await returns what comes on a channel.
func await[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("it does not come")
	}
	panic("unreachable")
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// log is what Caddy has logged up to now.
func (s *site) log() string {
	s.t.Helper()
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// logged is the first line of the log that has all of the texts.
func (s *site) logged(texts ...string) string {
	s.t.Helper()
lines:
	for line := range strings.Lines(s.log()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		return line
	}
	s.t.Errorf("the log has no line with %q:\n%s", texts, s.log())
	return ""
}

// metrics are those of Caddy's admin endpoint.
func (s *site) metrics() string {
	s.t.Helper()
	response, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// client is a Socket.IO client over a WebSocket.
type client struct {
	*websocket.Conn
	t testing.TB
}

// dial opens a connection, with the header fields.
func (s *site) dial(fields ...string) client {
	s.t.Helper()
	header := make(http.Header)
	for i := 0; i < len(fields); i += 2 {
		header.Set(fields[i], fields[i+1])
	}
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+s.address+"/socket.io/?EIO=4&transport=websocket&page=1", header)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	c := client{conn, s.t}
	c.expect("0{*")
	return c
}

// enter opens a connection and is connected to /app.
func (s *site) enter(fields ...string) client {
	s.t.Helper()
	c := s.dial(fields...)
	c.send("40/app,")
	c.expect(`40/app,{"sid":"*`)
	return c
}

func (c client) send(text string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// next is the next message that is no ping, or the error of the connection.
func (c client) next() (string, error) {
	for {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		_, text, err := c.ReadMessage()
		if err != nil || string(text) != "2" {
			return string(text), err
		}
		c.send("3")
	}
}

// expect reads a message, which must be as said; a star at the end stands for
// anything.
func (c client) expect(want string) string {
	c.t.Helper()
	got, err := c.next()
	if err != nil {
		c.t.Fatalf("%v, want %s", err, want)
	}
	prefix, open := strings.CutSuffix(want, "*")
	if got != want && !(open && strings.HasPrefix(got, prefix)) {
		c.t.Errorf("got  %s\nwant %s", got, want)
	}
	return got
}

// call sends one message and expects another.
func (c client) call(message, want string) {
	c.t.Helper()
	c.send(message)
	c.expect(want)
}

// expectClosed reads until the connection is closed.
func (c client) expectClosed() {
	c.t.Helper()
	for {
		text, err := c.next()
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			c.t.Fatal("the connection stays open")
		}
		if err != nil {
			return
		}
		if text != "41/app," {
			c.t.Errorf("got %s on a connection that ends", text)
		}
	}
}

// app is a web application.
type app struct {
	t       testing.TB
	address string

	mu      sync.Mutex // guards the following
	server  *httptest.Server
	answers http.HandlerFunc
	seen    []request
}

// request is one that an application got.
type request struct {
	method, uri, host, path, body string
	query                         url.Values
	header                        http.Header
}

// newApp runs an application with an answer to all requests.
func newApp(t testing.TB, answer http.HandlerFunc) *app {
	t.Helper()
	a := &app{t: t, address: freeAddress(t), answers: answer}
	a.start()
	t.Cleanup(a.stop)
	return a
}

func (a *app) start() {
	a.t.Helper()
	l, err := net.Listen("tcp", a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.server = httptest.NewUnstartedServer(a)
	a.server.Listener.Close()
	a.server.Listener = l
	a.server.Start()
}

// stop ends the application as if it were killed.
func (a *app) stop() {
	a.server.CloseClientConnections()
	a.server.Close()
}

// ServeHTTP keeps the request and answers it.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // who asked has gone away
	}
	a.mu.Lock()
	a.seen = append(a.seen, request{r.Method, r.RequestURI, r.Host, r.URL.Path, string(body), r.URL.Query(), r.Header.Clone()})
	answer := a.answers
	a.mu.Unlock()
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	answer(w, r)
}

// answer changes what the application answers.
func (a *app) answer(with http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers = with
}

// requests are those up to now whose body has the text.
func (a *app) requests(text string) []request {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []request
	for _, r := range a.seen {
		if strings.Contains(r.body, text) {
			found = append(found, r)
		}
	}
	return found
}

// last is the last request up to now.
func (a *app) last() request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[len(a.seen)-1]
}

// proxy is a line that asks the application.
func (a *app) proxy() string { return "reverse_proxy " + a.address + "\n" }

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
