package backend_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

type wrongReply struct {
	name   string
	answer http.HandlerFunc
	logged string
}

// wrongReplies are answers that are no answers.
var wrongReplies = []wrongReply{
	{"status 500", sitetest.Reply(500, `{"ack":["no"]}`), "status 500"},
	{"status 503", sitetest.Reply(503, "down"), "status 503"},
	{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, "status 302"},
	{"HTML", sitetest.Reply(200, "<!doctype html><p>hello"), "not a JSON object"},
	{"list", sitetest.Reply(200, `[{"ack":["no"]}]`), "not a JSON object"},
	{"text", sitetest.Reply(200, `"ok"`), "not a JSON object"},
	{"half", sitetest.Reply(200, `{"ack":["no"`), "not a JSON object"},
	{"two", sitetest.Reply(200, `{}{}`), "not a JSON object"},
	{"ack that is no list", sitetest.Reply(200, `{"ack":"no"}`), "ack"},
	{"join that is no list", sitetest.Reply(200, `{"join":"room"}`), "join"},
	{"join of truth", sitetest.Reply(200, `{"join":["a",true]}`), `join.1: unexpected bool, expected the name of a room`},
	{"join of half a character", sitetest.Reply(200, `{"join":["r\ud83d"]}`), `join.0: unexpected string of 9 bytes, expected a name of whole characters`},
	{"emit to half a character", sitetest.Reply(200, `{"emit":[{"event":"x","to":["a","r\udc00"]}]}`), `emit.0.to.1: unexpected`},
	{"event of half a character", sitetest.Reply(200, `{"emit":[{"event":"x\ud83d"}]}`), `emit.0.event: unexpected`},
	{"data of half a character", sitetest.Reply(200, `{"data":{"a":1,"\ud83d":1}}`), `data: unexpected string of 8 bytes, expected a name of whole characters`},
	{"list with other keys", sitetest.Reply(200, `{"join":{"0":"a","x":"b"}}`), "join: unexpected object of 17 bytes, expected a list"},
	{"a warning before it", sitetest.Reply(200, "<br />\n<b>Warning</b>:  x in <b>/a.php</b><br />\n{\"ack\":[]}"), `it is HTML of 59 bytes`},
	{"not a number", sitetest.Reply(200, `{"data":{"n":NaN}}`), "invalid character 'N' looking for beginning of value at byte 14"},
	{"bytes that are no text", sitetest.Reply(200, "{\"join\":[\"r\xff\"]}"), "invalid UTF-8"},
	{"join of an empty name", sitetest.Reply(200, `{"join":["a",""]}`), "bad room name"},
	{"join of a long name", sitetest.Reply(200, `{"join":["`+strings.Repeat("r", 600)+`"]}`), "bad room name"},
	{"join of too many", sitetest.Reply(200, `{"join":`+roomList(2000)+`}`), "too many rooms"},
	{"emit that is no list", sitetest.Reply(200, `{"emit":{"event":"x"}}`), "emit"},
	{"emit without an event", sitetest.Reply(200, `{"emit":[{"args":[1]}]}`), "emit 0"},
	{"emit of a reserved event", sitetest.Reply(200, `{"emit":[{"event":"disconnect"}]}`), "emit 0"},
	{"emit into nowhere", sitetest.Reply(200, `{"emit":[{"event":"x","namespace":"/nowhere"}]}`), "/nowhere"},
	{"data that is no object", sitetest.Reply(200, `{"data":["name"]}`), "data"},
	{"data too large", sitetest.Reply(200, `{"data":{"a":"`+strings.Repeat("x", 300_000)+`"}}`), "data is full"},
	{"forged placeholder", sitetest.Reply(200, `{"ack":[{"_placeholder":true,"num":0}]}`), "ack"},
	{"bad base64", sitetest.Reply(200, `{"ack":[{"$binary":"!"}]}`), "ack"},
	{"deep", sitetest.Reply(200, `{"ack":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`), "ack"},
	{"large", sitetest.Reply(200, `{"ack":["`+strings.Repeat("x", 1_000_000)+`"]}`), "larger than max_response"},
	{"endless", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}, "larger than max_response"},
	{"broken off", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"ack":["no"]`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, "broke off"},
	{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
}

// lateReplies are answers that do not come in time.
var lateReplies = []wrongReply{
	{"late", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no reply within the timeout"},
	{"late end", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"ack":["no"]}`))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}, "no reply within the timeout"},
}

// roomList is a JSON list of as many names.
func roomList(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"room %d"`, i)
	}
	return "[" + b.String()[1:] + "]"
}

func TestBackendWrongRepliesAreOutages(t *testing.T) { testWrongReplies(t, "", wrongReplies) }

func TestBackendLateRepliesAreOutages(t *testing.T) { testWrongReplies(t, "timeout 1s\n", lateReplies) }

func testWrongReplies(t *testing.T, options string, answers []wrongReply) {
	a := sitetest.NewApp(t, nil)
	s := sitetest.Serve(t, sitetest.BackendDirective(options+a.Proxy()))
	for _, test := range answers {
		t.Run(test.name, func(t *testing.T) {
			s.T, a.T = t, t
			a.SetReply(test.answer)
			c := s.Dial()
			c.Send("40/app,")
			c.ExpectClosed()

			a.SetReply(sitetest.Reply(http.StatusNoContent, ""))
			c = s.Connect()
			a.SetReply(test.answer)
			c.Send(`42/app,["nobody asks"]`)
			c.Call(`42/app,1["`+test.name+`"]`, `43/app,1[{"error":"service unavailable"}]`)
			a.SetReply(sitetest.Reply(http.StatusOK, `{"ack":["here"]}`))
			c.Call(`42/app,2["after"]`, `43/app,2["here"]`)
			line := s.ExpectLogged(`"msg":"backend failed"`, `"namespace":"/app"`, `"event":"`+test.name+`"`)
			if !strings.Contains(line, test.logged) {
				t.Errorf("logged %s, want %s", line, test.logged)
			}
		})
	}
	for _, event := range []string{"connect", "event"} {
		if line := `caddy_socketio_backend_requests_total{hub="default",outcome="outage",type="` + event + `"}`; !strings.Contains(s.Metrics(), line) {
			t.Errorf("outages on %s are not counted", event)
		}
	}
}

func TestBackendLogsUnknownKeysOfReplies(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"acknowledge":["x"],"ack":["ok"]}`))
	s := sitetest.Serve(t, sitetest.BackendDirective(a.Proxy()))
	c := s.Connect()
	c.Call(`42/app,1["x"]`, `43/app,1["ok"]`)
	s.ExpectLogged("unknown keys", `"acknowledge"`, `"namespace":"/app"`, `"event":"x"`)
	// Deeper down too.
	a.SetReply(sitetest.Reply(http.StatusOK, `{"emit":[{"event":"a","args":[1]},{"event":"b","rooms":["r"],"volatile":false}],"ack":["ok"]}`))
	c.Call(`42/app,2["y"]`, `42/app,["a",1]`)
	c.Expect(`42/app,["b"]`)
	c.Expect(`43/app,2["ok"]`)
	s.ExpectLogged("unknown keys", `"emit.rooms"`, `"event":"y"`)
	a.SetReply(sitetest.Reply(http.StatusOK, `{"error":{"message":"no","code":7}}`))
	c.Call(`42/app,3["z"]`, `43/app,3[{"error":"no"}]`)
	s.ExpectLogged("unknown keys", `"error.code"`, `"event":"z"`)
}

func TestBackendOnOutageDecidesAboutConnects(t *testing.T) {
	for _, test := range []struct{ option, want string }{
		{"", ""},
		{"on_outage retry", ""},
		{"on_outage deny", `44/app,{"message":"service unavailable"}`},
		{"on_outage allow", `40/app,{"sid":"*`},
	} {
		t.Run(test.option, func(t *testing.T) {
			s := sitetest.Serve(t, sitetest.BackendDirective(test.option+"\nreverse_proxy "+freeport.Address()))
			c := s.Dial()
			if c.Send("40/app,"); test.want == "" {
				c.ExpectClosed()
				return
			}
			c.Expect(test.want)
			if test.option == "on_outage allow" {
				c.Call(`42/app,1["x"]`, `43/app,1[{"error":"service unavailable"}]`)
			}
			c.Call("40", `40{"sid":"*`) // the connection stays
		})
	}
}

func TestBackendOutageEndsWithTheApplicationsRestart(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["up"]}`))
	s := sitetest.Serve(t, sitetest.BackendDirective(a.Proxy()))
	c := s.Connect()
	call := func(first, last int, ok func(ack string) bool) {
		t.Helper()
		for n := first; n <= last; n++ {
			c.Send(fmt.Sprintf(`42/app,%d["x"]`, n))
		}
		for n := first; n <= last; n++ {
			got, err := c.Next()
			ack, ordered := strings.CutPrefix(got, fmt.Sprintf("43/app,%d", n))
			if err != nil || !ordered || !ok(ack) {
				t.Fatalf("got %s, %v for event %d", got, err, n)
			}
		}
	}
	up := func(ack string) bool { return ack == `["up"]` }
	down := func(ack string) bool { return ack == `[{"error":"service unavailable"}]` }
	call(1, 50, up)
	// It is killed while it is asked.
	killed := make(chan struct{})
	a.SetReply(func(w http.ResponseWriter, r *http.Request) {
		if len(a.Requests("")) == 75 {
			go func() { // stop waits for this very handler
				defer close(killed)
				a.Stop()
			}()
		}
		sitetest.Reply(http.StatusOK, `{"ack":["up"]}`)(w, r)
	})
	call(51, 150, func(ack string) bool { return up(ack) || down(ack) })
	<-killed
	call(151, 200, down)
	d := s.Dial()
	d.Send("40/app,")
	d.ExpectClosed()
	a.Start()
	call(201, 250, up)
	s.Connect().Call(`42/app,1["x"]`, `43/app,1["up"]`)
}

// The health checks of reverse_proxy keep events from an upstream that fails.
func TestBackendSkipsUnhealthyUpstreams(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["up"]}`))
	s := sitetest.Serve(t, sitetest.BackendDirective("reverse_proxy "+a.Address+" {\nfail_duration 1h\nmax_fails 2\nunhealthy_status 5xx\n}"))
	c := s.Connect()
	a.SetReply(sitetest.Reply(http.StatusServiceUnavailable, ""))
	for n := range 5 {
		c.Call(fmt.Sprintf(`42/app,%d["down"]`, n), fmt.Sprintf(`43/app,%d[{"error":"service unavailable"}]`, n))
	}
	if n := len(a.Requests("down")); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	s.ExpectLogged("backend failed", "no upstreams available")
}

func TestBackendRetriesWithAnotherUpstream(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":["up"]}`))
	s := sitetest.Serve(t, sitetest.BackendDirective("reverse_proxy "+freeport.Address()+" "+a.Address+" {\nlb_policy first\nlb_retries 2\nfail_duration 1h\n}"))
	s.Connect().Call(`42/app,1["x","whole"]`, `43/app,1["up"]`)
	if seen := a.Requests(`"args":["whole"]`); len(seen) != 1 {
		t.Errorf("got %v", seen)
	}
}
