package socketio

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// apiMount is one way to reach the API of a Caddy.
type apiMount struct {
	*caddyServer
	url    string // URL of the API, with a slash at the end
	client *http.Client
}

// forEachMount calls fn with each mount of the API. Each mount has a Caddy of its own.
func forEachMount(t *testing.T, fn func(t *testing.T, d *apiMount)) {
	const directives = chatDirectives + "\nsocketio_api"
	for name, open := range map[string]func(*caddyServer) *apiMount{
		"TCP": func(s *caddyServer) *apiMount {
			return &apiMount{s, "http://" + s.admin + "/socketio/", http.DefaultClient}
		},
		"Unix":  func(s *caddyServer) *apiMount { return &apiMount{s, "http://caddy/socketio/", s.newUnixClient()} },
		"Route": func(s *caddyServer) *apiMount { return &apiMount{s, s.site + "/socketio/", http.DefaultClient} },
	} {
		t.Run(name, func(t *testing.T) { fn(t, open(startCaddy(t, name == "Unix", directives))) })
	}
}

// newUnixClient returns a client of an admin endpoint on a Unix socket.
func (s *caddyServer) newUnixClient() *http.Client {
	path := strings.TrimPrefix(s.admin, "unix/")
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// doRequest makes a request and returns the response and its body, which is JSON. The content
// type is JSON unless another one is given.
func (d *apiMount) doRequest(method, path string, body io.Reader, contentType ...string) (*http.Response, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, body)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header["Content-Type"] = append(contentType, "application/json")[:1]
	resp, err := d.client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || !json.Valid(answer) || resp.Header.Get("Content-Type") != "application/json" {
		d.t.Fatalf("%s %s: %q, %v, %v", method, path, answer, resp.Header, err)
	}
	return resp, strings.TrimSpace(string(answer))
}

// checkGet and checkPost expect status 200 and compare the body.
func (d *apiMount) checkGet(path, want string) {
	d.t.Helper()
	if resp, got := d.doRequest("GET", path, nil); resp.StatusCode != 200 || got != want {
		d.t.Errorf("GET %s: got %d %s\nwant %s", path, resp.StatusCode, got, want)
	}
}

func (d *apiMount) checkPost(path, body, want string, contentType ...string) {
	d.t.Helper()
	if resp, got := d.doRequest("POST", path, strings.NewReader(body), contentType...); resp.StatusCode != 200 || got != want {
		d.t.Errorf("POST %s %s: got %d %s\nwant %s", path, body, resp.StatusCode, got, want)
	}
}

// TestEveryOperationAtEveryMount runs each operation of the API through each mount.
func TestEveryOperationAtEveryMount(t *testing.T) {
	forEachMount(t, func(t *testing.T, d *apiMount) {
		a := d.connectPolling("/chat")
		checkEmits(t, d, a)
		checkAck(t, d, a)
		checkMemberships(d, a, d.connectPolling("/chat"))
		checkListings(t, d)
		d.checkPost("server_side_emit", `{"event":"reload","args":[1]}`, `{"responses":[],"complete":true}`)
		d.checkPost("server_side_emit", `{"namespace":"/chat","event":"uptime","ack":{"timeout":"1s"}}`, `{"responses":[],"complete":true}`)
		d.checkPost("disconnect", `{"namespace":"/chat","in":["`+a.id+`"],"close":true}`, `{"sockets":1}`)
		d.checkPost("disconnect?namespace=/chat", `{}`, `{"sockets":1}`)
		if got := a.pollPackets(); !strings.HasPrefix(got, "41/chat,") {
			t.Errorf("got %q", got)
		}
	})
}

func checkEmits(t *testing.T, d *apiMount, c *pollingClient) {
	const ndjson = "application/x-ndjson"
	for _, e := range []struct{ path, body, kind, want, got string }{
		{"emit", `{"namespace":"/chat","to":["lobby"],"event":"news","args":[1,{"a":[null]}]}`, "", `{"delivered":1}`, `42/chat,["news",1,{"a":[null]}]`},
		{"emit?namespace=/chat&hub=default", `{"event":"all","args":[{"file":{"$binary":"AAEC"}}]}`, "", `{"delivered":1}`, "451-/chat,[\"all\",{\"file\":{\"_placeholder\":true,\"num\":0}}]\x1ebAAEC"},
		{"emit", `[{"event":"a","namespace":"/chat"},{"evnt":"b"},{"event":"c","namespace":"/chat"}]`, "", `{"emits":2,"delivered":2,"errors":[{"index":1,"error":"evnt: unknown field"}]}`, "42/chat,[\"a\"]\x1e42/chat,[\"c\"]"},
		{"emit?namespace=/chat", "{\"event\":\"a\"}\n{\"event\"\n{\"event\":\"c\"", ndjson, `{"emits":1,"delivered":1,"errors":[{"index":1,"error":"body: the JSON ends too early"},{"index":2,"error":"body: the JSON ends too early"}]}`, `42/chat,["a"]`},
		{"emit?namespace=/chat", `{"event":"a","volatile":true,"local":true,"compress":false}`, "", `{"delivered":0}`, ""}, // no client polls
		{"emit?namespace=/chat", `{"event":"a","except":["lobby"]}`, "", `{"delivered":0}`, ""},
		{"emit", `{"event":"a"}`, "", `{"delivered":0}`, ""},
	} {
		d.checkPost(e.path, e.body, e.want, slices.DeleteFunc([]string{e.kind}, func(kind string) bool { return kind == "" })...)
		if e.got == "" {
			continue
		}
		if got := c.pollPackets(); got != e.got {
			t.Errorf("%s: got %q, want %q", e.body, got, e.got)
		}
	}
}

func checkAck(t *testing.T, d *apiMount, c *pollingClient) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.checkPost("emit?namespace=/chat", `{"event":"q","ack":{"timeout":"1m"}}`, `{"delivered":1,"responses":[["ok",{"$binary":"AAEC"}]],"complete":true}`)
	}()
	if got := c.pollPackets(); got != `42/chat,0["q"]` {
		t.Errorf("got %q", got)
	}
	c.postPacket("461-/chat,0[\"ok\",{\"_placeholder\":true,\"num\":0}]\x1ebAAEC")
	<-done
	d.checkPost("emit?namespace=/chat", `{"event":"q","ack":{"timeout":"1ms"}}`, `{"delivered":1,"responses":[],"complete":false}`)
	c.pollPackets()
}

func checkMemberships(d *apiMount, a, b *pollingClient) {
	d.checkPost("join?namespace=/chat", `{"in":["`+a.id+`"],"rooms":["room:1","room:2"]}`, `{"sockets":1}`)
	d.checkPost("join", `{"namespace":"/chat","in":["lobby"],"except":["room:1"],"rooms":["room:2","room:3"]}`, `{"sockets":1}`)
	d.checkPost("join", `{"namespace":"/chat","rooms":["all"]}`, `{"sockets":2}`)
	d.checkPost("leave", `{"namespace":"/chat","in":["`+b.id+`","nobody"],"rooms":["room:3"]}`, `{"sockets":1}`)
}

func checkListings(t *testing.T, d *apiMount) {
	d.checkGet("rooms?namespace=/chat&prefix=room:", `[{"name":"room:1","sockets":1},{"name":"room:2","sockets":2}]`)
	d.checkGet("rooms?namespace=/chat&prefix=room:&limit=1", `[{"name":"room:1","sockets":1}]`)
	d.checkGet("rooms?namespace=/chat&prefix=room:&limit=1&after=room:1", `[{"name":"room:2","sockets":2}]`)
	d.checkGet("namespaces", `[{"name":"/","sockets":0,"rooms":0},{"name":"/chat","sockets":2,"rooms":6}]`)
	for query, want := range map[string]int{"in=lobby": 2, "in=room:1&in=room:2&except=room:1": 1, "limit=1": 1, "in=nobody": 0, "local=true": 2} {
		_, text := d.doRequest("GET", "sockets?namespace=/chat&"+query, nil)
		var list []struct{ ID string }
		if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != want {
			t.Errorf("%s: %s, want %d sockets", query, text, want)
		}
	}
	if _, got := d.doRequest("GET", "", nil); !strings.HasSuffix(got, `"totals":{"connections":2,"sockets":2,"rooms":6}}`) {
		t.Errorf("got %s", got)
	}
}

// TestEveryErrorAtEveryMount provokes each error of the API through each mount, and checks its
// status and the field at fault. A request that fails emits nothing.
func TestEveryErrorAtEveryMount(t *testing.T) {
	forEachMount(t, func(t *testing.T, d *apiMount) {
		c := d.connectPolling("/chat")
		for _, e := range []struct {
			status                    int
			error, method, path, body string
		}{
			{400, "body: expected JSON, it is empty", "POST", "emit", ""},
			{400, "body: the JSON ends too early", "POST", "emit", `{"event":"x"`},
			{400, "body: expected one JSON value, there is more after it", "POST", "emit?namespace=/chat", `{"event":"x"}{"event":"y"}`},
			{400, "body: invalid UTF-8", "POST", "emit?namespace=/chat", "{\"event\":\"x\",\"args\":[\"\xff\"]}"},
			{400, "body: unexpected string, expected an object", "POST", "emit", `"x"`},
			{400, "event: expected the name of an event", "POST", "emit?namespace=/chat", `{"event":"","args":[1]}`},
			{400, `event: reserved event name: "disconnect"`, "POST", "emit?namespace=/chat", `{"event":"disconnect"}`},
			{400, "to: unexpected string, expected a list", "POST", "emit?namespace=/chat", `{"event":"x","to":"lobby"}`},
			{400, "evnt: unknown field", "POST", "emit?namespace=/chat", `{"event":"x","evnt":1}`},
			{400, "args: ", "POST", "emit?namespace=/chat", `{"event":"x","args":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`},
			{400, "ack.timeout: ", "POST", "emit?namespace=/chat", `{"event":"x","ack":{"timeout":"soon"}}`},
			{400, "body: the JSON ends too early", "POST", "emit?namespace=/chat", `[{"event":"x"},`},
			{400, "rooms: expected one or more names", "POST", "join?namespace=/chat", `{}`},
			{400, "in: bad room name: it is empty", "POST", "leave?namespace=/chat", `{"in":[""],"rooms":["a"]}`},
			{400, "close: unexpected string, expected true or false", "POST", "disconnect?namespace=/chat", `{"close":"yes"}`},
			{400, "args: expected no binary values: other nodes cannot receive them", "POST", "server_side_emit", `{"event":"x","args":[{"$binary":""}]}`},
			{400, "limit: unexpected \"0\"", "GET", "rooms?limit=0", ""},
			{400, "nonsense: unknown in a query", "GET", "sockets?nonsense=1", ""},
			{404, `hub: there is no hub "nope"`, "POST", "emit", `{"event":"x","hub":"nope"}`},
			{404, `namespace: there is no namespace "/nope" in hub "default"`, "GET", "sockets?namespace=/nope", ""},
			{404, `there is no operation "nope"`, "GET", "nope", ""},
			{405, "method GET is not allowed: expected POST", "GET", "emit", ""},
			{405, "method DELETE is not allowed: expected GET", "DELETE", "", ""},
			{413, "the body is larger than 16777216 bytes", "POST", "join?namespace=/chat", strings.Repeat(" ", 16<<20+1)},
		} {
			resp, got := d.doRequest(e.method, e.path, strings.NewReader(e.body))
			d.checkError(resp, got, e.status, e.error)
			if resp.StatusCode == 405 && resp.Header.Get("Allow") == "" {
				t.Errorf("%s: no Allow", e.path)
			}
		}
		endless := io.LimitReader(new(endlessBody), 100<<20) // a request without a Content-Length
		resp, got := d.doRequest("POST", "emit?namespace=/chat", endless)
		d.checkError(resp, got, 413, "the body is larger than 16777216 bytes")
		for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
			resp, got := d.doRequest("POST", "emit?namespace=/chat", strings.NewReader(`{"event":"x"}`), kind)
			d.checkError(resp, got, 415, fmt.Sprintf("content type %q is not supported: expected application/json", kind))
		}
		d.checkPost("emit?namespace=/chat", `{"event":"first"}`, `{"delivered":1}`)
		if got := c.pollPackets(); got != `42/chat,["first"]` {
			t.Errorf("got %q before", got)
		}
	})
}

// checkError expects a response with a status and an error message that starts with begins.
func (d *apiMount) checkError(resp *http.Response, got string, status int, begins string) {
	d.t.Helper()
	var told map[string]string
	err := json.Unmarshal([]byte(got), &told)
	if resp.StatusCode != status || err != nil || len(told) != 1 || !strings.HasPrefix(told["error"], begins) {
		d.t.Errorf("%s %s: got %d %s\nwant %d %s", resp.Request.Method, resp.Request.URL, resp.StatusCode, got, status, begins)
	}
}

// endlessBody is a body of zeros without an end.
type endlessBody struct{}

func (*endlessBody) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
