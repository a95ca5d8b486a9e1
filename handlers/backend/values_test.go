package backend_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
	"golang.org/x/text/unicode/norm"
)

// hostileValues are values that would mean more than they say in some place.
var hostileValues = []string{
	"../../admin", "..", ".", "", "/", "//evil/x", "a//b", "..;/admin", "a/..;x/../admin", ";/x", ";", "a;jsessionid=1", `..\..\admin`, `\\evil\x`,
	"%2e%2e/admin", "%2e%2e%2fadmin", "%252e%252e%252fadmin", "..%2fadmin", "%2", "%c0%ae%c0%ae/admin", "%u002e%u002e/admin",
	"a\x00", "admin\x00.json", "a\r\nX-Evil: 1", "a\nb", "../", "a/..", "a/../../admin", "... /x", ".. /admin", "..+/admin", "+", " ",
	"．．/admin", "‥/admin", "..／admin", "％2e％2e/admin", "a；b", "..\u00a0/x", "\u2024\u2024/admin",
	"?admin=1", "#x", "x&admin=1", "a=b&c=d", "x+y", "100%", "{env.HOME}", "{event.name}", "{{env `HOME`}}", "{", "{{", "}", "$1", "*", "[a-z]",
	`"],"join":["admin`, `\`, `\"`, `","admin":true,"x":"`, "\u2028", "é", "join room", "a/b", strings.Repeat("x", 5000),
}

// leadsOut reports whether a backend would find another path than /v/VALUE/end, however
// it reads the URI of a request line.
func leadsOut(uri string) bool {
	raw, _, _ := strings.Cut(uri, "?")
	for range 4 {
		for _, read := range []func(string) string{
			func(p string) string { return p },
			func(p string) string { return strings.ReplaceAll(p, `\`, "/") },
			func(p string) string { return norm.NFKC.String(p) },
			func(p string) string { p, _, _ = strings.Cut(p, "\x00"); return p },
			withoutParameters,
			func(p string) string { return withoutParameters(strings.ReplaceAll(norm.NFKC.String(p), `\`, "/")) },
		} {
			p := read(raw)
			if clean := path.Clean(p); strings.Contains(p, "//") || !strings.HasPrefix(clean, "/v/") || !strings.HasSuffix(clean, "/end") || clean == "/v/end" {
				return true
			}
		}
		plain, err := url.PathUnescape(raw)
		if err != nil {
			return false
		}
		raw = plain
	}
	return false
}

// withoutParameters reads a path as Tomcat and Windows do.
func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		s, _, _ = strings.Cut(s, ";")
		if trimmed := strings.TrimRight(strings.ReplaceAll(s, "+", " "), " .\u00a0"); trimmed == "" && s != "" {
			s = ".."
		}
		segments[i] = s
	}
	return strings.Join(segments, "/")
}

// waysIntoPath are routes by which a value of a client gets into the path /v/VALUE/end.
var waysIntoPath = map[string]string{
	"rewrite":   "rewrite /v/{event.args.0}/end",
	"vars":      "vars n {event.args.0}\nrewrite /v/{vars.n}/end",
	"two vars":  "vars a {event.args.0}\nroute {\nvars b {vars.a}\nrewrite /v/{vars.b}/end\n}",
	"map":       "map {event.args.0} {n} {\n~(?s)^(.*)$ $1\n}\nrewrite /v/{n}/end",
	"map value": "map {event.name} {n} {\nnever x\ndefault {event.args.0}\n}\nrewrite /v/{n}/end",
	"header":    "request_header X-N {event.args.0}\nroute {\nrewrite /v/{header.X-N}/end\n}",
	"data":      "rewrite /v/{socket.data.n}/end",
	"set path":  "vars p /v/{event.args.0}/end\nrewrite {vars.p}",
}

func TestBackendKeepsValuesInTheirPathSegments(t *testing.T) {
	for name, lines := range waysIntoPath {
		t.Run(name, func(t *testing.T) {
			a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
			s := sitetest.Serve(t, `socketio {
				namespace /app {
					on * {
						set n {event.args.0}
						backend {
							`+lines+`
							`+a.Proxy()+`
						}
					}
				}
			}`)
			c := s.Connect()
			for _, value := range hostileValues {
				message, _ := json.Marshal([]string{"x", value})
				c.Send("42/app,1" + string(message))
				got, err := c.Next()
				if err != nil {
					t.Fatal(err)
				}
				if got != `43/app,1["ok"]` && got != `43/app,1[{"error":"Bad Request"}]` {
					t.Errorf("%q: got %s", value, got)
				}
			}
			for _, seen := range a.Requests("") {
				if leadsOut(seen.URI) || len(seen.Query) > 0 || seen.Header.Get("X-Evil") != "" {
					t.Errorf("asked for %s with %v", seen.URI, seen.Header)
				}
			}
			for _, value := range []string{"join room", "é", "100%", "a/b", "#x", "{env.HOME}", "x&admin=1", "$1", "*"} {
				raw, _ := json.Marshal(value)
				if seen := a.Requests(`"args":[` + string(raw) + `]`); len(seen) != 1 || seen[0].Path != "/v/"+value+"/end" && name != "header" {
					t.Errorf("%q: got %v", value, seen)
				}
			}
		})
	}
}

// A value that is the whole path is a path, or nothing is sent.
func TestBackendRefusesValuesThatAreNotPaths(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			on x {
				backend {
					rewrite {event.args.0}
					`+a.Proxy()+`
				}
			}
		}
	}`)
	c := s.Connect()
	for _, value := range []string{"*", "evil", "a:b", "a/x", "http://evil.test/", ""} {
		message, _ := json.Marshal([]string{"x", value})
		c.Call("42/app,1"+string(message), `43/app,1[{"error":"Bad Request"}]`)
	}
	c.Call(`42/app,1["x","/a/b"]`, `43/app,1["ok"]`)
	if got := a.Requests(""); len(got) != 1 || got[0].Path != "/a/b" {
		t.Errorf("got %v", got)
	}
}

func TestBackendKeepsValuesInQueriesBodiesAndHeaders(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
	s := sitetest.Serve(t, sitetest.BackendDirective(`vars n {event.args.0}
		map {event.args.0} {kind} {
			~(?s)^(.*)$ "kind $1"
		}
		rewrite /x?a={event.args.0}&b={vars.n}&end=1
		uri query +c {vars.n}
		request_body {
			set `+"`"+`{"a":"{event.args.0}","b":"<{vars.n}>","c":{vars.n},"d":{event.args.0},"e":"{kind}","f":{event.args.9},"end":1}`+"`"+`
		}
		request_header X-A {vars.n}
		reverse_proxy `+a.Address+` {
			header_up X-B "x {kind} y"
		}`))
	c := s.Connect()
	for _, value := range hostileValues {
		message, _ := json.Marshal([]string{"x", value})
		c.Call("42/app,1"+string(message), `43/app,1["ok"]`)
		seen := a.LastRequest()
		want := url.Values{"a": {value}, "b": {value}, "c": {value}, "end": {"1"}}
		if seen.Path != "/x" || seen.Query.Encode() != want.Encode() {
			t.Errorf("%q: got %s", value, seen.URI)
		}
		var body any
		if err := json.Unmarshal([]byte(seen.Body), &body); err != nil {
			t.Errorf("%q: got %s", value, seen.Body)
		}
		var typed any = value
		_ = json.Unmarshal([]byte(value), &typed) // a variable is text that may be JSON
		got, _ := json.Marshal(body)
		expected, _ := json.Marshal(map[string]any{"a": value, "b": "<" + value + ">", "c": typed, "d": value, "e": "kind " + value, "f": nil, "end": 1})
		if string(got) != string(expected) {
			t.Errorf("%q: got %s, want %s", value, got, expected)
		}
		if seen.Header.Get("X-Evil") != "" || !strings.HasPrefix(seen.Header.Get("X-B"), "x kind ") || !strings.HasSuffix(seen.Header.Get("X-B"), " y") || len(seen.Header["X-A"]) != 1 {
			t.Errorf("%q: got %q and %q", value, seen.Header["X-A"], seen.Header["X-B"])
		}
	}
}

// handshakeURIs are URIs at which a client may be served, or not.
var handshakeURIs = []string{
	"/socket.io/%s", "/socket.io/../admin/delete%s", "/socket.io/%%2e%%2e/admin%s", "/socket.io/..%%2fadmin%s", "/socket.io//admin%s", "//socket.io/%s",
	"/socket.io/..;/admin%s", "/socket.io/admin%s", "/socket.io/%%00%s", "/socket.io%s", "/SOCKET.IO/%s", "/%%73ocket.io/%s", "http://evil.test/socket.io/%s",
}

func TestBackendRequestHasHandlersPathOnly(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusNoContent, ""))
	s := sitetest.Serve(t, "vars front {path}\n"+sitetest.BackendDirective(`reverse_proxy `+a.Address+` {
		header_up X-Uri {http.request.uri}
		header_up X-Orig {http.request.orig_uri}{http.request.orig_uri.path}{http.request.orig_uri.query}
		header_up X-Method {http.request.method}{http.request.orig_method}
	}`))
	for _, uri := range handshakeURIs {
		uri = fmt.Sprintf(uri, "?EIO=4&transport=polling")
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(method, uri, body string) string {
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nX-Original-URL: /admin\r\nX-Rewrite-Url: /admin\r\nX-Envoy-Original-Path: /admin\r\nX-Original-Host: evil.test\r\nX-HTTP-Method-Override: DELETE\r\n"+
				"X_Forwarded_For: 1.2.3.4\r\nX_Original_Url: /admin\r\nWebhook_Id: forged\r\nX-Kept: yes\r\nContent-Length: %d\r\n\r\n%s", method, uri, s.Address, len(body), body)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(uri, err)
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			return string(text)
		}
		before := len(a.Requests(""))
		_, sid, served := strings.Cut(ask("GET", uri, ""), `"sid":"`)
		if served {
			sid, _, _ = strings.Cut(sid, `"`)
			ask("POST", uri+"&sid="+sid, "40/app,")
			ask("GET", uri+"&sid="+sid, "")
		}
		_ = conn.Close()
		for _, seen := range a.Requests("")[before:] {
			h := seen.Header
			if seen.Method != http.MethodPost || seen.URI != "/socket.io/" || seen.Host != s.Address {
				t.Errorf("%s: asked %s %s of %s", uri, seen.Method, seen.URI, seen.Host)
			}
			if h.Get("X-Uri") != "/socket.io/" || h.Get("X-Orig") != "/socket.io//socket.io/" || h.Get("X-Method") != "POSTPOST" || h.Get("X-Kept") != "yes" {
				t.Errorf("%s: got %v", uri, h)
			}
			for _, name := range []string{"X-Original-Url", "X-Rewrite-Url", "X-Envoy-Original-Path", "X-Original-Host", "X-Http-Method-Override", "X_forwarded_for", "X_original_url", "Webhook_id"} {
				if h.Get(name) != "" || h[name] != nil {
					t.Errorf("%s: got %s", uri, name)
				}
			}
		}
	}
	if len(a.Requests(`"connect"`)) == 0 {
		t.Error("no client was served")
	}
}

func TestBackendChecksUpstreamAddresses(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			on keep {
				backend {
					`+a.Proxy()+`
				}
			}
			on ask {
				backend {
					reverse_proxy {socket.data.app}
				}
			}
		}
	}`)
	c := s.Connect()
	for _, test := range []struct{ app, ack string }{
		{a.Address, `["ok"]`},
		{"unix//" + a.Address, `[{"error":"service unavailable"}]`},
		{"", `[{"error":"service unavailable"}]`},
		{a.Address + "/x", `[{"error":"service unavailable"}]`},
		{a.Address + "\r\n", `[{"error":"service unavailable"}]`},
	} {
		data, _ := json.Marshal(map[string]any{"data": map[string]string{"app": test.app}, "ack": []string{}})
		a.SetReply(sitetest.Reply(http.StatusOK, string(data)))
		c.Call(`42/app,1["keep"]`, `43/app,1[]`)
		a.SetReply(sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
		c.Call(`42/app,2["ask"]`, `43/app,2`+test.ack)
	}
}
