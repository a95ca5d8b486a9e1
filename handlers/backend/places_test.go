package backend_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

func TestBackendEscapesEventNamesInPaths(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
	s := sitetest.Serve(t, sitetest.BackendDirective("handle {\nrewrite /realtime/{event.name}?name={event.name}\n"+a.Proxy()+"}"))
	c := s.Connect()
	for _, test := range []struct{ event, path string }{
		{"join room", "/realtime/join room"},
		{"orders/new", "/realtime/orders/new"},
		{"v1.2", "/realtime/v1.2"},
		{"é", "/realtime/é"},
		{"ready?", "/realtime/ready?"},
		{"a?admin=1#x", "/realtime/a?admin=1#x"},
		{"100%", "/realtime/100%"},
		{"c++", "/realtime/c++"},
		{"...x", "/realtime/...x"},
		{"order/", "/realtime/order/"},
		{"{env.HOME}", "/realtime/{env.HOME}"},
	} {
		c.Call(`42/app,1["`+test.event+`"]`, `43/app,1["ok"]`)
		seen := a.Requests(`"event":"` + test.event + `"`)
		if len(seen) != 1 || seen[0].Path != test.path {
			t.Errorf("%s: got %q, want %s", test.event, seen, test.path)
		} else if seen[0].Query.Get("name") != test.event {
			t.Errorf("%s: got the query %q", test.event, seen[0].Query)
		}
	}
}

func TestBackendEscapesEventNamesInNamedRoutes(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
	named := "&(app) {\ninvoke inner\n}\n&(inner) {\nrewrite /named/{event.name}\n" + a.Proxy() + "}\n"
	sitetest.ServeWithNamedRoutes(t, named, sitetest.BackendDirective("invoke app")).Connect().Call(`42/app,1["admin?x"]`, `43/app,1["ok"]`)
	if seen := a.Requests("admin"); len(seen) != 1 || seen[0].Path != "/named/admin?x" {
		t.Errorf("got %v", seen)
	}
}

func TestBackendEscapesValuesInHeaders(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
	s := sitetest.Serve(t, sitetest.BackendDirective("request_header X-First {event.name}\n"+
		"reverse_proxy "+a.Address+" {\nheader_up X-Second {event.args.0}\nfail_duration 1h\n}"))
	c := s.Connect()
	for _, text := range []string{"plain é", "a\r\nX-Evil: 1", "\x00\x7f"} {
		message, _ := json.Marshal([]string{text, text})
		c.Call(`42/app,1`+string(message), `43/app,1["ok"]`)
		got := a.LastRequest().Header
		want := strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ", "\x7f", " ").Replace(text)
		if strings.TrimSpace(got.Get("X-First")) != strings.TrimSpace(want) || strings.TrimSpace(got.Get("X-Second")) != strings.TrimSpace(want) {
			t.Errorf("%q: got %q and %q", text, got["X-First"], got["X-Second"])
		}
		if _, evil := got["X-Evil"]; evil {
			t.Errorf("%q makes a header", text)
		}
	}
}

func TestBackendEscapesValuesInResponses(t *testing.T) {
	respond := "respond `{\"ack\":[\"<{event.args.0}>\",{event.args.0},{event.args.9},\"{event.args.9}\"],\"data\":{\"n\":\"{event.name}\"}}` 200"
	for name, directives := range map[string]string{
		"respond":   respond,
		"templates": "templates {\nmime application/json\n}\nheader Content-Type application/json\n" + respond,
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Serve(t, sitetest.BackendDirective(directives))
			c := s.Connect()
			for _, arg := range []string{
				`"plain"`, `"q\"uote\\"`, `"x\"],\"join\":[\"admin\"],\"z\":[\""`, `5`, `{"a":[1,"b"]}`,
				`"{{env \"HOME\"}}"`, `"{env.HOME}"`, `"{{{"`, `"\r\n"`,
			} {
				var value any
				if err := json.Unmarshal([]byte(arg), &value); err != nil {
					t.Fatal(err)
				}
				text, ok := value.(string)
				if !ok {
					text = arg
				}
				want, _ := json.Marshal([]any{"<" + text + ">", value, nil, ""})
				c.Send(`42/app,1["x",` + arg + `]`)
				got, err := c.Next()
				if err != nil {
					t.Fatal(err)
				}
				var ack any
				_ = json.Unmarshal([]byte(strings.TrimPrefix(got, "43/app,1")), &ack)
				if plain, _ := json.Marshal(ack); string(plain) != string(want) {
					t.Errorf("%s: got %s, want %s", arg, got, want)
				}
			}
			if strings.Contains(s.Log(), "unknown keys") {
				t.Error("a client has written keys of an answer")
			}
		})
	}
}

// The client chose the headers of its request too.
func TestBackendEscapesValuesOfTheOpeningRequest(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["ok"]}`))
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			on connect {
				backend {
					respond `+"`"+`{"data":{"a":"{header.X-A}","n":{header.X-A},"m":{header.X-B},"b":"{braces.none}","port":{http.request.port}}}`+"`"+`
				}
			}
			on headers {
				backend {
					reverse_proxy `+a.Address+` {
						header_up X-Host {upstream_hostport}
						header_up X-Copy {header.X-B}
						header_up X-None {query.none}{braces.none}
					}
				}
			}
			on map {
				backend {
					map {event.args.0} {kind} {
						~^(.*)$ "kind of $1"
					}
					templates {
						mime application/json
					}
					header Content-Type application/json
					respond `+"`"+`{"ack":["{kind}",{kind},{{len "four"}},"{none}"]}`+"`"+`
				}
			}
			on data {
				ack {socket.data}
			}
		}
	}`)
	c := s.Connect("X-A", `x","z":"`, "X-B", `[1,{"c":"{{"}]`)
	port := s.Address[strings.LastIndex(s.Address, ":")+1:]
	c.Call(`42/app,1["data"]`, `43/app,1[{"a":"x\",\"z\":\"","b":"{braces.none}","m":[1,{"c":"{\u007b"}],"n":"x\",\"z\":\"","port":`+port+`}]`)
	c.Call(`42/app,3["map","x\",\"y"]`, `43/app,3["kind of x\",\"y","kind of x\",\"y",4,"{none}"]`)
	c.Call(`42/app,2["headers"]`, `43/app,2["ok"]`)
	if seen := a.LastRequest().Header; seen.Get("X-Host") != a.Address || seen.Get("X-Copy") != seen.Get("X-B") || seen.Get("X-None") != "{braces.none}" {
		t.Errorf("got %v", seen)
	}
}

// Caddy's own handlers of content reply too. Its handlers of files need another method.
func TestBackendRepliesFromFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"plain.json": `{"ack":["a file"]}`, "template.json": `{"ack":[{{placeholder "event.args.0" | toJson}}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := sitetest.Serve(t, sitetest.BackendDirective("root "+dir+"\nmethod GET\nrewrite /{event.name}.json\ntemplates {\nmime application/json\n}\nhandle /connect.json {\nrespond 204\n}\nhandle {\nfile_server\n}"))
	c := s.Connect()
	c.Call(`42/app,1["plain"]`, `43/app,1["a file"]`)
	c.Call(`42/app,2["template","\"]{{env}}"]`, `43/app,2["\"]{{env}}"]`)
	c.Call(`42/app,3["../template"]`, `43/app,3[{"error":"Bad Request"}]`)
	c.Call(`42/app,4["none"]`, `43/app,4[{"error":"Not Found"}]`)
}
