package api

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// A request with an id is executed once, and a repeated one gets the same reply.
func TestRequestIsExecutedOncePerID(t *testing.T) {
	for _, c := range []struct{ path, body, other string }{
		{"emit", `{"event":"x","id":"1"}`, `{"event":"y","id":"1"}`},
		{"emit?namespace=/chat", `{"event":"x","id":"1","to":["a"]}`, `{"event":"x","id":"1","to":["b"]}`},
		{"join", `{"rooms":["b"],"id":"1"}`, `{"rooms":["c"],"id":"1"}`},
		{"leave", `{"rooms":["b"],"id":"1"}`, `{"rooms":["b"],"in":["a"],"id":"1"}`},
		{"disconnect", `{"id":"1","in":["a"]}`, `{"id":"1","in":["a"],"close":true}`},
		{"server_side_emit", `{"event":"x","id":"1"}`, `{"event":"x","args":[1],"id":"1"}`},
	} {
		f := newFixture(t)
		first := f.postJSON(c.path, c.body)
		again := f.postJSON(c.path, c.body)
		if first.status != 200 || again.status != 200 || first.body != again.body {
			t.Errorf("%s: got %+v, then %+v", c.path, first, again)
		}
		if got := f.listPublished(); len(got) != 1 {
			t.Errorf("%s: executed as %v", c.path, got)
		}
		f.checkResponse(f.postJSON(c.path, c.other), 400, `id: "1" was used within the last minute for another request: expected a new one`)
		f.postJSON(c.path, strings.Replace(c.body, `"1"`, `"2"`, 1))
		f.postJSON("emit?namespace=/org-7", `{"event":"x","id":"1"}`)
		if got := f.listPublished(); len(got) != 3 {
			t.Errorf("%s: with another id, and in another namespace: executed as %v", c.path, got)
		}
	}
}

func TestItemsAreExecutedOncePerID(t *testing.T) {
	f := newFixture(t)
	const batch = `[{"event":"a","id":"1"},{"event":"b","id":"2"},{"event":"c"},{"event":"d","id":"1"},{"event":"a","id":"1"}]`
	const one = `{"index":3,"error":"id: \"1\" was used within the last minute for another request: expected a new one"}`
	for range 2 {
		f.checkResponse(f.postJSON("emit", batch), 200, `{"emits":4,"delivered":0,"errors":[`+one+`]}`)
	}
	f.checkResponse(f.postJSON("emit", `{"event":"a","id":"1"}`), 200, `{"delivered":0}`)
	lines := f.postLines(strings.NewReader("{\"event\":\"b\",\"id\":\"2\"}\n{\"event\":\"e\",\"id\":\"3\"}\n{\"event\":\"e\",\"id\":\"3\"}\n"))
	f.checkResponse(lines, 200, `{"emits":3,"delivered":0,"errors":[]}`)
	if got := strings.Join(f.listEmits(), " "); got != `/ ["a"] / ["b"] / ["c"] / ["c"] / ["e"]` {
		t.Errorf("emitted %s", got)
	}
}

func TestInvalidIDsAreRefused(t *testing.T) {
	f := newFixture(t)
	for _, id := range []string{"", strings.Repeat("x", 129)} {
		for _, path := range []string{"emit", "server_side_emit"} {
			f.checkResponse(f.postJSON(path, `{"event":"x","id":"`+id+`"}`), 400, "id: expected 1 to 128 bytes")
		}
		f.checkResponse(f.postJSON("leave", `{"rooms":["x"],"id":"`+id+`"}`), 400, "id: expected 1 to 128 bytes")
	}
	f.checkResponse(f.postJSON("emit", `{"event":"x","id":1}`), 400, "id: unexpected number, expected a string")
	if got := f.listPublished(); len(got) != 0 {
		t.Errorf("executed as %v", got)
	}
	f.checkResponse(f.postJSON("emit", `{"event":"x","id":null}`), 200, `{"delivered":0}`)
}

// A repeated request waits for the reply of the first, also if the first client has gone.
func TestRepeatedRequestWaitsForReply(t *testing.T) {
	f := newFixture(t)
	requested, released := make(chan context.Context, 1), make(chan struct{})
	f.onRequest = func(ctx context.Context, q cluster.Request, each func(cluster.Reply)) error {
		requested <- ctx
		<-released
		each(cluster.ClientCount(1))
		each(cluster.ClientAck{Data: sio.Data{JSON: []byte(`["ok"]`)}})
		return ctx.Err()
	}
	const body = `{"event":"x","id":"1","ack":{"timeout":"1m"}}`
	closed, closeConnection := context.WithCancel(t.Context())
	first := make(chan *httptest.ResponseRecorder)
	go func() {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(closed, "POST", "/socketio/emit", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		f.ServeHTTP(w, r)
		first <- w
	}()
	ctx := <-requested
	again := make(chan response)
	go func() { again <- f.postJSON("emit", body) }()
	closeConnection()
	if ctx.Err() != nil {
		t.Error("the wait ends with the connection")
	}
	close(released)
	const want = `{"delivered":1,"responses":[["ok"]],"complete":true}`
	f.checkResponse(<-again, 200, want)
	if got := (<-first).Body.String(); strings.TrimSpace(got) != want {
		t.Errorf("the first got %s", got)
	}
}

// Without an id the wait ends with the connection, with one it ends with the server.
func TestAckContextEnds(t *testing.T) {
	for _, c := range []struct {
		r     repeatable
		cause error
		ends  bool
	}{
		{repeatable{}, context.Canceled, true},
		{repeatable{new("1")}, context.Canceled, false},
		{repeatable{new("1")}, errors.New("the server ends"), true},
	} {
		parent, end := context.WithCancelCause(t.Context())
		ctx, cancel := c.r.ackContext(parent, maxAckTimeout)
		end(c.cause)
		if c.ends {
			<-ctx.Done()
		} else if ctx.Err() != nil {
			t.Errorf("%v, %v: it ends", c.r, c.cause)
		}
		cancel()
	}
}

// The reply of a failed request is not kept.
func TestFailedRequestIsExecutedAgain(t *testing.T) {
	f := newFixture(t)
	fail := errors.New("away")
	f.onRequest = func(context.Context, cluster.Request, func(cluster.Reply)) error { return fail }
	const body = `{"event":"x","id":"1","ack":{}}`
	f.checkResponse(f.postJSON("server_side_emit", body), 503, "cluster: away")
	fail = nil
	f.checkResponse(f.postJSON("server_side_emit", body), 200, `{"responses":[],"complete":true}`)
	fail = errors.New("away again")
	f.checkResponse(f.postJSON("server_side_emit", body), 200, `{"responses":[],"complete":true}`)
}

// Large responses are not kept: the second reply is incomplete.
func TestLargeResponsesAreNotKept(t *testing.T) {
	f := newFixture(t)
	large := `["` + strings.Repeat("x", maxResponses) + `"]`
	f.onRequest = func(_ context.Context, _ cluster.Request, each func(cluster.Reply)) error {
		each(cluster.ClientCount(1))
		each(cluster.ClientAck{Data: sio.Data{JSON: []byte(large)}})
		return nil
	}
	const body = `{"event":"x","id":"1","ack":{}}`
	f.checkResponse(f.postJSON("emit", body), 200, `{"delivered":1,"responses":[`+large+`],"complete":true}`)
	f.checkResponse(f.postJSON("emit", body), 200, `{"delivered":1,"responses":[],"complete":false}`)
}
