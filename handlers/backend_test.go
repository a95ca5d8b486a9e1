package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestBackendRequest(t *testing.T) {
	a := newApp(t, says(http.StatusOK, `{"ack":[]}`))
	s := serve(t, socketio("rewrite /realtime/{event.name}\n"+a.proxy()))
	c := s.dial("Cookie", "session=1; theme=dark", "User-Agent", "test", "X-Forwarded-For", "192.0.2.1", "Authorization", "Basic YTpi",
		"Webhook-Id", "forged", "If-None-Match", "*", "Accept-Encoding", "br", "Content-Type", "text/plain")
	c.send(`40/app,{"token":"t"}`)
	id := strings.Split(c.expect(`40/app,{"sid":"*`), `"`)[3]
	c.send(`42/app,7["say","<é>",{"_x":[1.50]},null]`)
	c.send(`42/app,["quit"]`)
	c.expect(`43/app,7[]`)
	c.call(`42/app,8["last"]`, `43/app,8[]`)

	connect, say := a.requests(`"connect"`)[0], a.requests(`"say"`)[0]
	if connect.path != "/realtime/connect" || say.path != "/realtime/say" || say.method != http.MethodPost {
		t.Errorf("got %s %s and %s", say.method, connect.path, say.path)
	}
	for name, want := range map[string]string{
		"Cookie": "session=1; theme=dark", "User-Agent": "test", "Authorization": "Basic YTpi",
		"Content-Type": "application/json", "Accept": "application/json",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": s.address, "X-Forwarded-Proto": "http",
		"Upgrade": "", "Connection": "", "Sec-Websocket-Key": "", "Sec-Websocket-Version": "", "Webhook-Id": "", "If-None-Match": "",
	} {
		if got := say.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(say.body), &body); err != nil {
		t.Fatal(err, say.body)
	}
	handshake := body["socket"].(map[string]any)["handshake"].(map[string]any)
	if time, _ := handshake["time"].(string); len(time) != len("2026-11-23T10:00:00Z") || !strings.HasSuffix(time, "Z") {
		t.Errorf("time %q", time)
	}
	want := `{"type":"event","namespace":"/app","event":"say","args":["<é>",{"_x":[1.50]},null],"ack":true,` +
		`"socket":{"id":"` + id + `","rooms":["` + id + `"],"data":{},"auth":{"token":"t"},` +
		`"handshake":{"time":"` + handshake["time"].(string) + `","address":"127.0.0.1","url":"/socket.io/?EIO=4\u0026transport=websocket\u0026page=1",` +
		`"query":{"EIO":"4","page":"1","transport":"websocket"},"secure":false}}}`
	if got := strings.ReplaceAll(say.body, "&", `\u0026`); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if quit := a.requests(`"quit"`)[0]; !strings.Contains(quit.body, `"args":[],"ack":false,"socket"`) {
		t.Errorf("got %s", quit.body)
	}
}

func TestBackendAnswer(t *testing.T) {
	a := newApp(t, says(http.StatusNoContent, ""))
	s := serve(t, `socketio {
		namespace /app {
			on connect * {
				backend {
					`+a.proxy()+`
				}
			}
		}
		namespace /other {
			join all
		}
	}`)
	a.answer(says(http.StatusOK, `{"data":{"name":"ada","n":1},"join":["a","b"],"emit":[{"event":"welcome","args":["ada"]}],"ack":["nobody asks"]}`))
	c := s.dial()
	c.call("40/app,", `40/app,{"sid":"*`)
	c.expect(`42/app,["welcome","ada"]`)
	a.answer(says(http.StatusOK, `{"join":["a"]}`))
	b := s.enter()
	b.call("40/other,", `40/other,{"sid":"*`)

	// All in its order, to whom it is for.
	a.answer(says(http.StatusOK, `{"ack":["ok",{"n":2}],"leave":["b"],"join":["c"],"data":{"n":2},"emit":[
		{"event":"to a","to":["a","b"],"args":[1]},
		{"event":"to all","to":["a"],"include_sender":true},
		{"event":"others","broadcast":true},
		{"event":"but c","except":["c"]},
		{"event":"me","volatile":true},
		{"event":"elsewhere","namespace":"/other","to":["all"],"args":[{"$binary":"AQI="}]},
		{"event":"everywhere","namespace":"/other"}]}`))
	c.call(`42/app,5["x"]`, `42/app,["to all"]`)
	c.expect(`42/app,["me"]`)
	c.expect(`43/app,5["ok",{"n":2}]`)
	for _, want := range []string{`42/app,["to a",1]`, `42/app,["to all"]`, `42/app,["others"]`, `42/app,["but c"]`,
		`451-/other,["elsewhere",{"_placeholder":true,"num":0}]`, "\x01\x02", `42/other,["everywhere"]`} {
		b.expect(want)
	}
	a.answer(says(http.StatusOK, `{"ack":[]}`))
	c.call(`42/app,6["state"]`, `43/app,6[]`)
	state := a.requests(`"state"`)[0].body
	if !strings.Contains(state, `"a","c"],"data":{"n":2,"name":"ada"}`) {
		t.Errorf("got %s", state)
	}
	// An error after all that, then the end.
	a.answer(says(http.StatusOK, `{"emit":[{"event":"first"}],"error":{"message":"no"}}`))
	c.call(`42/app,7["x"]`, `42/app,["first"]`)
	c.expect(`43/app,7[{"error":"no"}]`)
	a.answer(says(http.StatusOK, `{"emit":[{"event":"bye"}],"ack":[],"disconnect":true}`))
	c.call(`42/app,8["x"]`, `42/app,["bye"]`)
	c.expect(`43/app,8[]`)
	c.expect(`41/app,`)
}

func TestBackendBinary(t *testing.T) {
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Args json.RawMessage }
		_ = json.NewDecoder(r.Body).Decode(&event)
		_, _ = w.Write(append(append([]byte(`{"ack":`), event.Args...), '}'))
	})
	s := serve(t, socketio(a.proxy()))
	c := s.enter()
	c.send(`452-/app,3["file",{"_placeholder":true,"num":1},{"x":[{"_placeholder":true,"num":0}]}]`)
	for _, b := range []string{"\x00\xff", ""} {
		if err := c.WriteMessage(2, []byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	c.expect(`462-/app,3[{"_placeholder":true,"num":0},{"x":[{"_placeholder":true,"num":1}]}]`)
	c.expect("")
	c.expect("\x00\xff")
	if got := a.requests("file")[0].body; !strings.Contains(got, `"args":[{"$binary":""},{"x":[{"$binary":"AP8="}]}]`) {
		t.Errorf("got %s", got)
	}
}

func TestBackendVerdict(t *testing.T) {
	a := newApp(t, nil)
	s := serve(t, socketio(a.proxy()))
	for _, test := range []struct {
		status     int
		body       string
		connect    string // what a client gets that connects
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
		a.answer(says(test.status, test.body))
		s.dial().call("40/app,", "44/app,"+test.connect)
		a.answer(says(http.StatusNoContent, ""))
		c := s.enter()
		a.answer(says(test.status, test.body))
		c.call(`42/app,1["x"]`, `43/app,1[{"error":"`+test.afterwards+`"}]`)
		c.send(`42/app,["nobody asks"]`)
		a.answer(says(http.StatusOK, `{"ack":["here"]}`))
		c.call(`42/app,2["x"]`, `43/app,2["here"]`)
	}
	if !strings.Contains(s.metrics(), `caddy_socketio_backend_requests_total{hub="default",outcome="refused",type="connect"}`) {
		t.Error("refusals are not counted")
	}
}

func TestBackendHandlersGiveVerdicts(t *testing.T) {
	s := serve(t, socketio("@bot header User-Agent bot*\nerror @bot \"no\" 403\nrespond `{\"ack\":[\"{event.args.0}\"]}`"))
	s.dial("User-Agent", "bot/1").call("40/app,", `44/app,{"message":"Forbidden"}`)
	s.enter().call(`42/app,1["x","placeholder"]`, `43/app,1["placeholder"]`)
}

func TestBackendSigns(t *testing.T) {
	a := newApp(t, says(http.StatusNoContent, ""))
	s := serve(t, socketio("sign whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"+a.proxy()))
	s.enter("Webhook-Id", "forged", "Webhook-Signature", "v1,forged")
	h := a.requests("connect")[0].header
	if id := h.Get("Webhook-Id"); !strings.HasPrefix(id, "msg_") || len(id) < 20 {
		t.Errorf("id %q", id)
	}
	if signature := h.Values("Webhook-Signature"); len(signature) != 1 || len(signature[0]) != len("v1,")+44 {
		t.Errorf("signature %q", signature)
	}
}
