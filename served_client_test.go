package socketio

import (
	"net/http"
	"strings"
	"testing"
)

// fetchHeader makes a request and returns the status, the header and the body.
func (s *caddyServer) fetchHeader(method, path string, header ...string) (int, http.Header, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.site+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	body := make([]byte, 100)
	n, _ := resp.Body.Read(body)
	resp.Body.Close()
	return resp.StatusCode, resp.Header, string(body[:n])
}

func TestClientIsServed(t *testing.T) {
	s := startCaddy(t, false, `socketio
	socketio {
		path /four/
		serve_client 4
	}
	socketio {
		path /three/
		serve_client 3
	}
	socketio {
		path /two/
		serve_client 2
	}
	socketio {
		path /old/
		protocols 3
	}
	socketio {
		path /new/
		protocols 4
	}`)
	for path, want := range map[string]string{"/socket.io/": "v4.8", "/four/": "v4.8", "/three/": "v3.1", "/two/": "v2.5", "/old/": "v2.5", "/new/": "v4.8"} {
		status, header, body := s.fetchHeader("GET", path+"socket.io.js", "Accept-Encoding", "gzip;q=0")
		if status != 200 || !strings.Contains(body, " Socket.IO "+want) || header.Get("Access-Control-Allow-Origin") != "" || header.Get("Content-Encoding") != "" {
			t.Errorf("%s: got status %d, header %v, body %s", path, status, header, body)
		}
		status, header, _ = s.fetchHeader("GET", path+"socket.io.js", "Accept-Encoding", "br;q=1, gzip;q=0.5")
		if status != 200 || header.Get("Content-Encoding") != "gzip" || header.Get("Content-Length") == "" {
			t.Errorf("%s: got status %d, header %v", path, status, header)
		}
	}
	if status, header, _ := s.fetchHeader("POST", "/socket.io/socket.io.js"); status != 405 || header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, header %v", status, header)
	}
	if status, header, body := s.fetchHeader("HEAD", "/socket.io/socket.io.min.js?EIO=4&transport=polling"); status != 200 || body != "" || header.Get("ETag") != `"4.8.4"` {
		t.Errorf("HEAD: status %d, header %v", status, header)
	}
	if status, _, body := s.fetchHeader("GET", "/socket.io/socket.io.slim.js"); status != 400 || !strings.Contains(body, "Transport unknown") {
		t.Errorf("unknown file: status %d, body %s", status, body)
	}
}

// A page of another origin may load the file as a module only if it may connect, too.
func TestClientHasCORSForAcceptedOrigins(t *testing.T) {
	s := startCaddy(t, false, "socketio {\norigins https://app.example.com\n}")
	for origin, want := range map[string]string{"https://app.example.com": "https://app.example.com", "https://evil.example": "", "": ""} {
		status, header, _ := s.fetchHeader("GET", "/socket.io/socket.io.esm.min.js", "Origin", origin)
		if status != 200 || header.Get("Access-Control-Allow-Origin") != want || !strings.Contains(strings.Join(header["Vary"], ","), "Origin") {
			t.Errorf("%s: status %d, header %v", origin, status, header)
		}
	}
}

// The gates in front of the handler guard the client, too. With serve_client off the site
// has its own file.
func TestClientIsBehindGates(t *testing.T) {
	s := startCaddy(t, false, `@banned query token=banned
		respond @banned 403
		socketio
		route /own/* {
			socketio {
				path /own/
				serve_client off
			}
			respond "own file" 200
		}`)
	if status, _, _ := s.fetchHeader("GET", "/socket.io/socket.io.js?token=banned"); status != 403 {
		t.Errorf("status %d", status)
	}
	if _, _, body := s.fetchHeader("GET", "/own/socket.io.js"); body != "own file" {
		t.Errorf("got %s", body)
	}
	if _, _, body := s.fetchHeader("GET", "/own/x.js"); !strings.Contains(body, "Transport unknown") {
		t.Errorf("got %s", body)
	}
}
