package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// brokenBody is a body that ends with an error.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("the line is cut") }

func (f *fixture) configWithoutCluster() hub.Config {
	return hub.Config{Namespaces: []hub.NamespaceConfig{{Name: "/chat"}}}
}

func TestStreamSkipsInvalidLines(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		events           []string
	}{
		{"empty", "", `{"emits":0,"delivered":0,"errors":[]}`, nil},
		{"blank", "\n \r\n\n", `{"emits":0,"delivered":0,"errors":[]}`, nil},
		{
			"lines", "{\"event\":\"a\"}\r\n\n{\"event\":\"b\"}\n", `{"emits":2,"delivered":0,"errors":[]}`,
			[]string{`/ ["a"]`, `/ ["b"]`},
		},
		{"no end", `{"event":"a"}`, `{"emits":1,"delivered":0,"errors":[]}`, []string{`/ ["a"]`}},
		{
			"bad lines", "{\"event\":\"a\"}\n\nnonsense\n[{\"event\":\"x\"}]\n{\"event\":\"x\",\"ack\":{}}\n{\"event\":\"b\"} 1\n{\"event\":\"b\"}",
			`{"emits":2,"delivered":0,"errors":[` +
				`{"index":2,"error":"body: invalid character 'o' in literal null (expecting 'u')"},` +
				`{"index":3,"error":"body: unexpected array, expected an object"},` +
				`{"index":4,"error":"ack: batches and streams do not wait for acknowledgements"},` +
				`{"index":5,"error":"body: expected one JSON value, there is more after it"}]}`,
			[]string{`/ ["a"]`, `/ ["b"]`},
		},
		{
			"cut", "{\"event\":\"a\"}\n{\"event\":\"b\"", `{"emits":1,"delivered":0,"errors":[{"index":1,"error":"body: the JSON ends too early"}]}`,
			[]string{`/ ["a"]`},
		},
		{
			"bad UTF-8", "{\"event\":\"a\"}\n{\"event\":\"\xff\"}\n{\"event\":\"b\"}\n",
			`{"emits":2,"delivered":0,"errors":[{"index":1,"error":"body: invalid UTF-8"}]}`,
			[]string{`/ ["a"]`, `/ ["b"]`},
		},
		{
			"long", "{\"event\":\"a\"}\n" + strings.Repeat("x", maxLine+1) + "\n{\"event\":\"b\"}\n",
			`{"emits":2,"delivered":0,"errors":[{"index":1,"error":"line: longer than 1048576 bytes"}]}`,
			[]string{`/ ["a"]`, `/ ["b"]`},
		},
		{
			"long at the end", "{\"event\":\"a\"}\n" + strings.Repeat("x", 3*maxLine),
			`{"emits":1,"delivered":0,"errors":[{"index":1,"error":"line: longer than 1048576 bytes"}]}`,
			[]string{`/ ["a"]`},
		},
		{
			"larger than the buffer", `{"event":"a","args":["` + strings.Repeat("x", 100_000) + "\"]}\n{\"event\":\"b\"}",
			`{"emits":2,"delivered":0,"errors":[]}`,
			[]string{`/ ["a","` + strings.Repeat("x", 100_000) + `"]`, `/ ["b"]`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, wrap := range []func(io.Reader) io.Reader{keepReader, iotest.OneByteReader, iotest.DataErrReader} {
				f := newFixture(t)
				f.checkResponse(f.postLines(wrap(strings.NewReader(c.body))), 200, c.want)
				if got := f.listEmits(); !slices.Equal(got, c.events) {
					t.Errorf("emitted %.200q", got)
				}
			}
		})
	}
}

func keepReader(r io.Reader) io.Reader { return r }

func TestStreamReportsItsBreak(t *testing.T) {
	for _, rest := range []string{"", "{\"event\":\"c\"", "{\"event\":\"c\"}", strings.Repeat("x", maxLine+1)} {
		f := newFixture(t)
		body := io.MultiReader(strings.NewReader("{\"event\":\"a\"}\n{\"event\":\"b\"}\n"+rest), brokenBody{})
		f.checkResponse(f.postLines(body), 200,
			`{"emits":2,"delivered":0,"errors":[{"index":2,"error":"body: the stream broke off: the line is cut"}]}`)
		if got := f.listEmits(); !slices.Equal(got, []string{`/ ["a"]`, `/ ["b"]`}) {
			t.Errorf("emitted %q", got)
		}
	}
}

func TestStreamEmitsAtOnce(t *testing.T) {
	f := newFixture(t)
	f.hub.Configure(hub.Config{Cluster: f.fakeCluster, Namespaces: []hub.NamespaceConfig{{Name: "/chat"}}})
	body, input := io.Pipe()
	done := make(chan response)
	go func() { done <- f.postLines(body) }()
	for i := range 3 {
		fmt.Fprintf(input, "{\"event\":\"e%d\"}\n", i)
		io.WriteString(input, " ") // read after the previous line was emitted
		if got := len(f.listEmits()); got != i+1 {
			t.Errorf("%d events after %d lines", got, i+1)
		}
	}
	input.Close()
	f.checkResponse(<-done, 200, `{"emits":3,"delivered":0,"errors":[]}`)
}

// A stream outlives the timeouts that Caddy's admin endpoint has.
func TestStreamOutlivesTheReadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		near, far := net.Pipe()
		server := &http.Server{Handler: f, ReadTimeout: 10 * time.Second, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
		defer server.Close()
		go server.Serve(&singleListener{conn: far, closed: make(chan struct{})})

		io.WriteString(near, "POST /socketio/emit HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
		chunks := httputil.NewChunkedWriter(near)
		for i := range 3 {
			fmt.Fprintf(chunks, "{\"event\":\"e%d\"}\n", i)
			time.Sleep(time.Hour)
			if got := len(f.listEmits()); got != i+1 {
				t.Errorf("%d events after %d lines", got, i+1)
			}
		}
		chunks.Close()
		io.WriteString(near, "\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(near), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != `{"emits":3,"delivered":0,"errors":[]}`+"\n" {
			t.Errorf("got %s, %v", body, err)
		}
	})
}

func TestStreamEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		body, input := net.Pipe()
		defer input.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan string)
		go func() {
			r := httptest.NewRequestWithContext(ctx, "POST", "/socketio/emit", body)
			r.Header.Set("Content-Type", "application/x-ndjson")
			w := httptest.NewRecorder()
			f.ServeHTTP(readDeadline{w, body}, r)
			done <- w.Body.String()
		}()
		fmt.Fprintf(input, "{\"event\":\"a\"}\n{\"event\":")
		cancel(errors.New("the server shuts down"))
		want := `{"emits":1,"delivered":0,"errors":[{"index":1,"error":"body: the stream broke off: the server shuts down"}]}` + "\n"
		if got := <-done; got != want {
			t.Errorf("got %s", got)
		}
	})
}

// readDeadline is a writer that sets the deadline of a body.
type readDeadline struct {
	http.ResponseWriter
	net.Conn
}

func (w readDeadline) Write(p []byte) (int, error) { return w.ResponseWriter.Write(p) }

// singleListener is a listener that accepts one connection.
type singleListener struct {
	conn   net.Conn
	closed chan struct{} // by Close
}

func (l *singleListener) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *singleListener) Close() error {
	close(l.closed)
	return nil
}

func (l *singleListener) Addr() net.Addr { return new(net.TCPAddr) }

func TestStreamListsFirstErrors(t *testing.T) {
	f := newFixture(t)
	got := f.postLines(strings.NewReader(strings.Repeat("1\n", 250)))
	if n := strings.Count(got.body, `"index"`); n != 100 || !strings.HasSuffix(got.body, `"more_errors":150}`) {
		t.Errorf("%d errors, %s", n, got.body[len(got.body)-40:])
	}
}

func FuzzEmit(f *testing.F) {
	for _, c := range badEmits {
		if len(c.body) < 1000 {
			f.Add(c.body)
		}
	}
	f.Add(benchEmit)
	f.Fuzz(func(t *testing.T, body string) {
		x := newFixture(t)
		got := x.postJSON("emit", body)
		if got.status != 200 && len(x.listPublished()) > 0 {
			t.Errorf("status %d, but something was emitted", got.status)
		}
		if got := x.postLines(strings.NewReader(body)); got.status != 200 {
			t.Errorf("status %d", got.status)
		}
	})
}
