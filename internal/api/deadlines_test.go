package api

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// serveConnection serves one connection in memory, and returns the client's end of it.
// The returned channel is closed when the server has closed its end.
func (f *fixture) serveConnection(t *testing.T) (client net.Conn, closed <-chan struct{}) {
	client, far := net.Pipe()
	ended := make(chan struct{})
	server := &http.Server{Handler: f, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(ended)
		}
	}}
	l := &singleListener{conn: far, closed: make(chan struct{})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return client, ended
}

// Requests whose body never arrives get a reply, and their connections are closed.
func TestStalledBodyIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		head, begin string
		status      int
		body        string
	}{
		"emit":         {"POST /socketio/emit", "", 400, `{"error":"body: expected all of it within 30s"}`},
		"half an emit": {"POST /socketio/emit", `{"event":`, 400, `{"error":"body: expected all of it within 30s"}`},
		"join":         {"POST /socketio/join", "", 400, `{"error":"body: expected all of it within 30s"}`},
		"status":       {"GET /socketio/", "", 200, ""},
		"wrong method": {"PUT /socketio/emit", "", 405, ""},
		"no operation": {"POST /socketio/nothing", "", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				client, closed := f.serveConnection(t)
				defer client.Close()
				io.WriteString(client, test.head+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"+test.begin)
				resp, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				if got := strings.TrimSpace(string(body)); resp.StatusCode != test.status || test.body != "" && got != test.body {
					t.Errorf("got %d %s", resp.StatusCode, got)
				}
				<-closed
			})
		})
	}
}

// The connection of a client that does not read is closed.
func TestStalledReaderIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.hub.Configure(hub.Config{})
		client, closed := f.serveConnection(t)
		defer client.Close()
		io.WriteString(client, "GET /socketio/ HTTP/1.1\r\nHost: x\r\n\r\n")
		<-closed
	})
}
