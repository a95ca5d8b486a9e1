package socketio

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"
)

const chatDirectives = `
	socketio {
		namespace /chat {
			join lobby
		}
	}
`

// TestAdminAPIRefusesBrowsers proves that the admin endpoint's own rules guard the API.
func TestAdminAPIRefusesBrowsers(t *testing.T) {
	s := startCaddy(t, false, chatDirectives)
	for _, header := range [][]string{
		{"Host", "rebound.example.com"},
		{"Origin", "https://evil.example.com"},
		{"Sec-Fetch-Mode", "no-cors"},
		{"Origin", "null"},
	} {
		status, body := s.doRequest("POST", "http://"+s.admin+"/socketio/emit", `{"event":"x"}`, append(header, "Content-Type", "application/json")...)
		if status != 403 && status != 400 || !strings.HasPrefix(body, `{"error":`) {
			t.Errorf("%v: got %d %s", header, status, body)
		}
	}
}

// TestStreamOutlivesReload proves that a stream continues after its config is replaced.
func TestStreamOutlivesReload(t *testing.T) {
	s := startCaddy(t, false, chatDirectives)
	c := s.connectPolling("/chat")
	body, input := io.Pipe()
	status, answers := make(chan *http.Response, 1), make(chan error, 1)
	go func() {
		header := http.Header{"Content-Type": {"application/x-ndjson"}}
		resp, err := caddycmd.AdminAPIRequest(s.admin, "POST", "/socketio/emit?namespace=/chat", header, body)
		status <- resp
		answers <- err
	}()
	fmt.Fprintln(input, `{"event":"a"}`)
	if got := c.pollPackets(); got != `42/chat,["a"]` { // the request is under way
		t.Fatalf("got %s", got)
	}
	s.loadSite(chatDirectives + "\nheader X-Changed yes")
	fmt.Fprintln(input, `{"event":"b"}`)
	input.Close()
	resp := <-status
	if err := <-answers; err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); string(got) != `{"emits":2,"delivered":2,"errors":[]}`+"\n" {
		t.Errorf("got %s", got)
	}
}

const apiDirectives = "route {\n" + chatDirectives + `
		socketio_api {
			path /internal/
			allow emit rooms status
			namespaces /chat
		}
		respond next
	}
`

func TestAPIOnRoute(t *testing.T) {
	s := startCaddy(t, false, apiDirectives)
	c := s.connectPolling("/chat")
	api := s.site + "/internal/"
	ndjson := []string{"Content-Type", "application/x-ndjson"}
	s.checkResponse(200, `{"emits":1,"delivered":1,"errors":[]}`, "POST", api+"emit", `{"event":"x","namespace":"/chat"}`, ndjson...)
	if got := c.pollPackets(); got != `42/chat,["x"]` {
		t.Errorf("got %s", got)
	}
	s.checkResponse(200, `[{"name":"lobby","sockets":1}]`, "GET", api+"rooms?namespace=/chat&prefix=lob", "")

	s.checkResponse(403, `{"error":"join is not allowed here"}`, "POST", api+"join", `{"rooms":["a"]}`)
	s.checkResponse(403, `{"error":"namespace: \"/\" is not allowed here"}`, "GET", api+"rooms", "")
	s.checkResponse(404, `{"error":"there is no operation \"emit/\""}`, "POST", api+"emit/", "")
	s.checkResponse(200, "next", "GET", s.site+"/socketio/", "")
	s.checkResponse(200, "next", "GET", s.site+"/internals", "")
	s.checkResponse(200, "next", "GET", s.site+"/internal", "")
	if status, body := s.doRequest("GET", api, ""); status != 200 || !strings.Contains(body, `"totals":{"connections":1,"sockets":1,`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestAPIRefusesOtherOrigins(t *testing.T) {
	s := startCaddy(t, false, apiDirectives)
	for _, c := range []struct {
		header []string
		status int
	}{
		{[]string{"Origin", s.site}, 200},
		{[]string{"Origin", s.site, "Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Sec-Fetch-Site", "none"}, 200},
		{nil, 200},
		{[]string{"Origin", "https://evil.example.com"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Origin", s.site, "Sec-Fetch-Site", "same-site"}, 403},
	} {
		for _, method := range []string{"GET", "POST"} {
			path, body := "rooms?namespace=/chat", ""
			if method == "POST" {
				path, body = "emit?namespace=/chat", `{"event":"x"}`
			}
			status, answer := s.doRequest(method, s.site+"/internal/"+path, body, append(c.header, "Content-Type", "application/json")...)
			if status != c.status {
				t.Errorf("%s with %v: got %d %s", method, c.header, status, answer)
			}
		}
	}
	status, _ := s.doRequest("OPTIONS", s.site+"/internal/emit", "", "Origin", "https://evil.example.com", "Access-Control-Request-Method", "POST")
	if status != 403 {
		t.Errorf("preflight: got %d", status)
	}
}

// TestAPIIsOrderedBehindAuthentication proves that socketio_api is ordered behind the
// directives of authentication and ahead of the directives that serve content.
func TestAPIIsOrderedBehindAuthentication(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	s := startCaddy(t, false, "socketio\nsocketio_api\nfile_server\nbasic_auth /socketio/* {\n\tada "+string(hash)+"\n}")
	ndjson := []string{"Content-Type", "application/x-ndjson"}
	basic := func(credentials string) []string {
		return append(ndjson, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(credentials)))
	}
	s.checkResponse(401, "", "GET", s.site+"/socketio/", "")
	s.checkResponse(401, "", "POST", s.site+"/socketio/emit", `{"event":"x"}`, ndjson...)
	s.checkResponse(401, "", "POST", s.site+"/socketio/emit", `{"event":"x"}`, basic("ada:wrong")...)
	s.checkResponse(200, `{"emits":1,"delivered":0,"errors":[]}`, "POST", s.site+"/socketio/emit", `{"event":"x"}`, basic("ada:secret")...)
}

// TestAPIIsBehindOtherAccessControl proves the same for forward_auth, where an application
// decides, and for a matcher of addresses.
func TestAPIIsBehindOtherAccessControl(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "session=ada" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer app.Close()
	s := startCaddy(t, false, `socketio
		@here remote_ip 127.0.0.1
		@elsewhere remote_ip 192.0.2.0/24
		socketio_api @here {
			path /here/
		}
		socketio_api @elsewhere {
			path /elsewhere/
		}
		forward_auth /app/* `+app.URL+` {
			uri /session
		}
		socketio_api {
			path /app/
		}
		root testdata/sites/www
		file_server`)
	jsonType := []string{"Content-Type", "application/json"}
	emit := func(status int, answer, path string, header ...string) {
		t.Helper()
		s.checkResponse(status, answer, "POST", s.site+path+"emit", `{"event":"x"}`, append(header, jsonType...)...)
	}
	emit(200, `{"delivered":0}`, "/here/")
	emit(404, "", "/elsewhere/") // file_server responds
	emit(401, "", "/app/")
	emit(401, "", "/app/", "Cookie", "session=eve")
	emit(200, `{"delivered":0}`, "/app/", "Cookie", "session=ada")
}

func TestAPIHandlerRefusesSettings(t *testing.T) {
	for config, error := range map[string]string{
		`{"path":"socketio/"}`:    "path",
		`{"path":"/socketio"}`:    "path",
		`{"allow":[]}`:            "allow: expected one or more operations",
		`{"namespaces":[]}`:       "namespaces: expected one or more names",
		`{"allow":["fly"]}`:       `allow "fly"`,
		`{"namespaces":["/a,b"]}`: "namespace",
		`{"namespace":["/chat"]}`: "unknown field",
	} {
		handler := `{"handler":"socketio_api",` + strings.TrimPrefix(config, "{")
		var c caddy.Config
		text := `{"admin":{"disabled":true},"apps":{"http":{"servers":{"x":{"listen":["127.0.0.1:0"],"routes":[{"handle":[` + handler + `]}]}}}}}`
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		err := caddy.Validate(&c)
		if err == nil || !strings.Contains(err.Error(), error) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

// hourlyConn is a connection whose client waits an hour after each line.
type hourlyConn struct {
	*httptest.ResponseRecorder
	lines       []string
	read, write time.Time // deadlines
}

func (s *hourlyConn) SetReadDeadline(t time.Time) error  { s.read = t; return nil }
func (s *hourlyConn) SetWriteDeadline(t time.Time) error { s.write = t; return nil }
func (s *hourlyConn) Close() error                       { return nil }

func (s *hourlyConn) Read(p []byte) (int, error) {
	if len(s.lines) == 0 {
		return 0, io.EOF
	}
	if isPassed(s.read) {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, s.lines[0])
	s.lines = s.lines[1:]
	time.Sleep(time.Hour)
	return n, nil
}

func (s *hourlyConn) Write(p []byte) (int, error) {
	if isPassed(s.write) {
		return 0, os.ErrDeadlineExceeded
	}
	return s.ResponseRecorder.Write(p)
}

func isPassed(deadline time.Time) bool { return !deadline.IsZero() && time.Now().After(deadline) }

// TestStreamOutlivesTheTimeoutsOfItsServer streams with read_body, write and the idle
// timeouts set, as Caddy's HTTP server has them.
func TestStreamOutlivesTheTimeoutsOfItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &hourlyConn{ResponseRecorder: httptest.NewRecorder(), lines: []string{"{}\n", "{}\n", "{}\n"}}
		ctrl, log := http.NewResponseController(s), zap.NewNop()
		limits := caddyhttp.IdleDeadline{Timeout: time.Minute, HardDeadline: time.Now().Add(10 * time.Second)}
		read := &caddyhttp.IdleTimeoutReader{ReadCloser: s, Ctrl: ctrl, Deadline: limits, Logger: log}
		write := &caddyhttp.IdleTimeoutWriter{
			ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: s}, Ctrl: ctrl, Deadline: limits, Logger: log,
		}
		r := httptest.NewRequestWithContext(caddyhttp.ContextWithIdleTimeouts(t.Context(), read, write), "POST", "/socketio/emit", read)
		r.Header.Set("Content-Type", "application/x-ndjson")
		h := new(APIHandler)
		if err := h.Provision(caddy.Context{Context: t.Context()}); err != nil {
			t.Fatal(err)
		}
		if err := h.ServeHTTP(write, r, nil); err != nil {
			t.Fatal(err)
		}
		const want = `{"index":2,"error":"event: expected the name of an event"}`
		if got := s.Body.String(); !strings.Contains(got, want) || strings.Contains(got, "broke off") {
			t.Errorf("got %s", got)
		}
	})
}
