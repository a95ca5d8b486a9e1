package sitetest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

// App is a web application. It keeps each request and replies to it.
type App struct {
	// T is the test that fails when a method does.
	T testing.TB
	// Address is the host and port that the application listens on.
	Address string

	mu       sync.Mutex // guards the following
	server   *httptest.Server
	reply    http.HandlerFunc
	requests []Request
}

// Request is an HTTP request that an application received.
type Request struct {
	Method, URI, Host, Path, Body string
	Query                         url.Values
	Header                        http.Header
}

// NewApp runs an application that replies to all requests alike. It stops when the test
// ends.
func NewApp(t testing.TB, reply http.HandlerFunc) *App {
	t.Helper()
	a := &App{T: t, Address: freeport.Address(), reply: reply}
	a.Start()
	t.Cleanup(a.Stop)
	return a
}

// Start starts the application on its address.
func (a *App) Start() {
	a.T.Helper()
	l, err := net.Listen("tcp", a.Address)
	if err != nil {
		a.T.Fatal(err)
	}
	a.server = httptest.NewUnstartedServer(a)
	a.server.Listener.Close()
	a.server.Listener = l
	a.server.Start()
}

// Stop stops the application as if it were killed.
func (a *App) Stop() {
	a.server.CloseClientConnections()
	a.server.Close()
}

// ServeHTTP keeps the request and replies to it.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client of the request has gone away
	}
	a.mu.Lock()
	a.requests = append(a.requests, Request{r.Method, r.RequestURI, r.Host, r.URL.Path, string(body), r.URL.Query(), r.Header.Clone()})
	reply := a.reply
	a.mu.Unlock()
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	reply(w, r)
}

// SetReply replaces the reply to later requests.
func (a *App) SetReply(reply http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reply = reply
}

// Requests returns the requests so far whose body has the text.
func (a *App) Requests(text string) []Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []Request
	for _, r := range a.requests {
		if strings.Contains(r.Body, text) {
			found = append(found, r)
		}
	}
	return found
}

// LastRequest returns the last request so far.
func (a *App) LastRequest() Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests[len(a.requests)-1]
}

// Proxy returns a line of a Caddyfile that sends requests to the application.
func (a *App) Proxy() string { return "reverse_proxy " + a.Address + "\n" }

// Reply returns a handler that replies with a status and a body.
func Reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
