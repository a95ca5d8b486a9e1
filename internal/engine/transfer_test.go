package engine_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestReplyEndsWithItsSession has a client that reads the beginning of a reply only, over
// HTTP/1 and on a stream of HTTP/2.
func TestReplyEndsWithItsSession(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		c := testConfig()
		c.MaxPayload = 64 << 20
		w := newTestServer(t, c, noOptions())
		answered := make(chan string, 10)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.ServeHTTP(rw, r)
			answered <- r.Method
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close)
		w.http = server.Client()
		get := func(query string) *http.Response {
			resp, err := w.http.Get(server.URL + "/socket.io/?" + query)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { resp.Body.Close() })
			return resp
		}
		_, _ = io.Copy(io.Discard, get("EIO=4&transport=polling").Body) // a reply that is not read closes the session
		<-answered
		s := w.lastReceiver().session
		query := "EIO=4&transport=polling&sid=" + s.ID()
		s.Send(newText(strings.Repeat("x", 32<<20))) // more than all buffers and windows hold
		if resp := get(query); resp.ProtoMajor == 2 != http2 || resp.StatusCode != 200 {
			t.Fatalf("got %s %s", resp.Proto, resp.Status)
		}
		resp, err := w.http.Post(server.URL+"/socket.io/?"+query, "text/plain", strings.NewReader("9"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if a, b := <-answered, <-answered; a+b != "GETPOST" && a+b != "POSTGET" {
			t.Errorf("%s and %s are answered", a, b)
		}
		if n := w.server.Sessions(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	}
}
