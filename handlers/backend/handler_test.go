package backend_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

func TestBackendRequestHasEventAndHeaders(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusOK, `{"ack":[]}`))
	s := sitetest.Serve(t, sitetest.BackendDirective("rewrite /realtime/{event.name}\n"+a.Proxy()))
	c := s.Dial("Cookie", "session=1; theme=dark", "User-Agent", "test", "X-Forwarded-For", "192.0.2.1", "Authorization", "Basic YTpi",
		"Webhook-Id", "forged", "If-None-Match", "*", "Accept-Encoding", "br", "Content-Type", "text/plain")
	c.Send(`40/app,{"token":"t"}`)
	id := strings.Split(c.Expect(`40/app,{"sid":"*`), `"`)[3]
	c.Send(`42/app,7["say","<é>",{"_x":[1.50]},null]`)
	c.Send(`42/app,["quit"]`)
	c.Expect(`43/app,7[]`)
	c.Call(`42/app,8["last"]`, `43/app,8[]`)

	connect, say := a.Requests(`"connect"`)[0], a.Requests(`"say"`)[0]
	if connect.Path != "/realtime/connect" || say.Path != "/realtime/say" || say.Method != http.MethodPost {
		t.Errorf("got %s %s and %s", say.Method, connect.Path, say.Path)
	}
	for name, want := range map[string]string{
		"Cookie": "session=1; theme=dark", "User-Agent": "test", "Authorization": "Basic YTpi",
		"Content-Type": "application/json", "Accept": "application/json, application/x-ndjson;q=0.9, text/event-stream;q=0.9",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": s.Address, "X-Forwarded-Proto": "http",
		"Upgrade": "", "Connection": "", "Sec-Websocket-Key": "", "Sec-Websocket-Version": "", "Webhook-Id": "", "If-None-Match": "",
	} {
		if got := say.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(say.Body), &body); err != nil {
		t.Fatal(err, say.Body)
	}
	handshake := body["socket"].(map[string]any)["handshake"].(map[string]any)
	if time, _ := handshake["time"].(string); len(time) != len("2026-11-23T10:00:00Z") || !strings.HasSuffix(time, "Z") {
		t.Errorf("time %q", time)
	}
	want := `{"type":"event","namespace":"/app","event":"say","args":["<é>",{"_x":[1.50]},null],"ack":true,` +
		`"socket":{"id":"` + id + `","rooms":["` + id + `"],"data":{},"auth":{"token":"t"},` +
		`"handshake":{"time":"` + handshake["time"].(string) + `","address":"127.0.0.1","url":"/socket.io/?EIO=4\u0026transport=websocket\u0026page=1",` +
		`"query":{"EIO":"4","page":"1","transport":"websocket"},"secure":false}}}`
	if got := strings.ReplaceAll(say.Body, "&", `\u0026`); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if quit := a.Requests(`"quit"`)[0]; !strings.Contains(quit.Body, `"args":[],"ack":false,"socket"`) {
		t.Errorf("got %s", quit.Body)
	}
}

func TestBackendAppliesReplyInOrder(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusNoContent, ""))
	s := sitetest.Serve(t, `socketio {
		namespace /app {
			on connect * {
				backend {
					`+a.Proxy()+`
				}
			}
		}
		namespace /other {
			join all
		}
	}`)
	a.SetReply(sitetest.Reply(http.StatusOK, `{"data":{"name":"ada","n":1},"join":["a","b"],"emit":[{"event":"welcome","args":["ada"]}],"ack":["nobody asks"]}`))
	c := s.Dial()
	c.Call("40/app,", `40/app,{"sid":"*`)
	c.Expect(`42/app,["welcome","ada"]`)
	a.SetReply(sitetest.Reply(http.StatusOK, `{"join":["a"],"ack":[]}`))
	b := s.Connect()
	b.Call(`42/app,0["ready"]`, `43/app,0[]`) // the connect event is over, so nothing is held for it
	b.Call("40/other,", `40/other,{"sid":"*`)

	// Each part of the reply is done in order, for its own target.
	a.SetReply(sitetest.Reply(http.StatusOK, `{"ack":["ok",{"n":2}],"leave":["b"],"join":["c"],"data":{"n":2},"emit":[
		{"event":"to a","to":["a","b"],"args":[1]},
		{"event":"to all","to":["a"],"include_sender":true},
		{"event":"others","broadcast":true},
		{"event":"but c","except":["c"]},
		{"event":"me","volatile":true},
		{"event":"elsewhere","namespace":"/other","to":["all"],"args":[{"$binary":"AQI="}]},
		{"event":"everywhere","namespace":"/other"}]}`))
	c.Call(`42/app,5["x"]`, `42/app,["to all"]`)
	c.Expect(`42/app,["me"]`)
	c.Expect(`43/app,5["ok",{"n":2}]`)
	for _, want := range []string{
		`42/app,["to a",1]`, `42/app,["to all"]`, `42/app,["others"]`, `42/app,["but c"]`,
		`451-/other,["elsewhere",{"_placeholder":true,"num":0}]`, "\x01\x02", `42/other,["everywhere"]`,
	} {
		b.Expect(want)
	}
	a.SetReply(sitetest.Reply(http.StatusOK, `{"ack":[]}`))
	c.Call(`42/app,6["state"]`, `43/app,6[]`)
	state := a.Requests(`"state"`)[0].Body
	if !strings.Contains(state, `"a","c"],"data":{"n":2,"name":"ada"}`) {
		t.Errorf("got %s", state)
	}
	// An error after all that, then the end.
	a.SetReply(sitetest.Reply(http.StatusOK, `{"emit":[{"event":"first"}],"error":{"message":"no"}}`))
	c.Call(`42/app,7["x"]`, `42/app,["first"]`)
	c.Expect(`43/app,7[{"error":"no"}]`)
	a.SetReply(sitetest.Reply(http.StatusOK, `{"emit":[{"event":"bye"}],"ack":[],"disconnect":true}`))
	c.Call(`42/app,8["x"]`, `42/app,["bye"]`)
	c.Expect(`43/app,8[]`)
	c.Expect(`41/app,`)
}

func TestBackendSendsAndReceivesBinary(t *testing.T) {
	a := sitetest.NewApp(t, func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Args json.RawMessage }
		_ = json.NewDecoder(r.Body).Decode(&event)
		_, _ = w.Write(append(append([]byte(`{"ack":`), event.Args...), '}'))
	})
	s := sitetest.Serve(t, sitetest.BackendDirective(a.Proxy()))
	c := s.Connect()
	c.Send(`452-/app,3["file",{"_placeholder":true,"num":1},{"x":[{"_placeholder":true,"num":0}]}]`)
	for _, b := range []string{"\x00\xff", ""} {
		if err := c.WriteMessage(2, []byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	c.Expect(`462-/app,3[{"_placeholder":true,"num":0},{"x":[{"_placeholder":true,"num":1}]}]`)
	c.Expect("")
	c.Expect("\x00\xff")
	if got := a.Requests("file")[0].Body; !strings.Contains(got, `"args":[{"$binary":""},{"x":[{"$binary":"AP8="}]}]`) {
		t.Errorf("got %s", got)
	}
}

func TestBackendStatus4xxIsConnectError(t *testing.T) {
	a := sitetest.NewApp(t, nil)
	s := sitetest.Serve(t, sitetest.BackendDirective(a.Proxy()))
	for _, test := range []struct {
		status     int
		body       string
		connect    string // the packet for a client that connects
		afterwards string // the acknowledgement of an event
	}{
		{403, `{"error":{"message":"members only","data":{"code":7}}}`, `{"message":"members only","data":{"code":7}}`, `members only`},
		{401, `{"error":{"message":"log in"}}`, `{"message":"log in"}`, `log in`},
		{200, `{"error":{"message":"not today","data":[1]}}`, `{"message":"not today","data":[1]}`, `not today`},
		{200, `{"error":{}}`, `{"message":"refused"}`, `refused`},
		{401, ``, `{"message":"Unauthorized"}`, `Unauthorized`},
		{403, `<html>no</html>`, `{"message":"Forbidden"}`, `Forbidden`},
		{404, `{"error":"a string"}`, `{"message":"Not Found"}`, `Not Found`},
		{422, `{"error":{"message":""}}`, `{"message":"Unprocessable Entity"}`, `Unprocessable Entity`},
		{499, ``, `{"message":"refused"}`, `refused`},
	} {
		a.SetReply(sitetest.Reply(test.status, test.body))
		s.Dial().Call("40/app,", "44/app,"+test.connect)
		a.SetReply(sitetest.Reply(http.StatusNoContent, ""))
		c := s.Connect()
		a.SetReply(sitetest.Reply(test.status, test.body))
		c.Call(`42/app,1["x"]`, `43/app,1[{"error":"`+test.afterwards+`"}]`)
		c.Send(`42/app,["nobody asks"]`)
		a.SetReply(sitetest.Reply(http.StatusOK, `{"ack":["here"]}`))
		c.Call(`42/app,2["x"]`, `43/app,2["here"]`)
	}
	if !strings.Contains(s.Metrics(), `caddy_socketio_backend_requests_total{hub="default",outcome="refused",type="connect"}`) {
		t.Error("refusals are not counted")
	}
}

func TestBackendErrorsOfHandlersAreConnectErrors(t *testing.T) {
	s := sitetest.Serve(t, sitetest.BackendDirective("@bot header User-Agent bot*\nerror @bot \"no\" 403\nrespond `{\"ack\":[\"{event.args.0}\"]}`"))
	s.Dial("User-Agent", "bot/1").Call("40/app,", `44/app,{"message":"Forbidden"}`)
	s.Connect().Call(`42/app,1["x","placeholder"]`, `43/app,1["placeholder"]`)
}

func TestBackendSignsRequests(t *testing.T) {
	a := sitetest.NewApp(t, sitetest.Reply(http.StatusNoContent, ""))
	s := sitetest.Serve(t, sitetest.BackendDirective("sign whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"+a.Proxy()))
	s.Connect("Webhook-Id", "forged", "Webhook-Signature", "v1,forged")
	h := a.Requests("connect")[0].Header
	if id := h.Get("Webhook-Id"); !strings.HasPrefix(id, "msg_") || len(id) < 20 {
		t.Errorf("id %q", id)
	}
	if signature := h.Values("Webhook-Signature"); len(signature) != 1 || len(signature[0]) != len("v1,")+44 {
		t.Errorf("signature %q", signature)
	}
}
