package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
)

// Languages differ in how they write empty objects, lists with gaps, absent values and
// ids.
func TestBodiesOfOtherLanguages(t *testing.T) {
	const bom = "\ufeff"
	for _, c := range []struct {
		body string
		to   []string
		data string
	}{
		{`{"event":"x","to":[42,"a",-1]}`, []string{"42", "a", "-1"}, `["x"]`},
		{`{"event":"x","to":[42.0,4.2e1,9007199254740993,0.5,1e21]}`, []string{"42", "42", "9007199254740993", "0.5", "1e+21"}, `["x"]`},
		{`{"event":"x","to":{"0":"a","2":42}}`, []string{"a", "42"}, `["x"]`},
		{`{"event":"x","args":{"0":"a","2":{"$binary":"AQ=="}},"except":{}}`, nil, `["x","a",{"_placeholder":true,"num":0}]`},
		{`{"event":"x","args":{}}`, nil, `["x"]`},
		{`{"event":"x","args":[[],{},"\ud83d",NaN]}`, nil, ""},
		{`{"event":"x","args":[[],{},"\ud83d",{"\udc00":"\ud83e"}]}`, nil, `["x",[],{},"\ud83d",{"\udc00":"\ud83e"}]`},
		{`{"event":"x","hub":null,"namespace":null,"to":null,"except":null,"args":null,"volatile":null,"local":null,"compress":null,"ack":null}`, nil, `["x"]`},
		{bom + `{"event":"x"}` + "\r\n", nil, `["x"]`},
		{"\n" + bom + ` {"event":"x"}`, nil, `["x"]`},
		{bom + `[{"event":"x"}]` + "\n", nil, `["x"]`},
		{`{"0":{"event":"x","to":[7]},"3":{"event":"x","to":[7]}}`, []string{"7"}, `["x"]`},
	} {
		for _, stream := range []bool{false, true} {
			f := newFixture(t)
			if !stream {
				f.postJSON("emit", c.body)
			} else if strings.HasPrefix(strings.TrimPrefix(c.body, bom), "[") || strings.HasPrefix(c.body, `{"0"`) || c.body[0] == '\n' {
				continue // a batch is not allowed in a stream
			} else {
				f.postLines(strings.NewReader(c.body + "\n" + bom + "\n"))
			}
			ops := f.listPublished()
			if c.data == "" {
				if len(ops) > 0 {
					t.Errorf("%s: published %v", c.body, ops)
				}
				continue
			}
			if len(ops) == 0 {
				t.Errorf("%s (stream %v): not published", c.body, stream)
				continue
			}
			op := ops[0].op.(cluster.Emit)
			if !slices.Equal(op.In, c.to) || string(op.Data.JSON) != c.data {
				t.Errorf("%s: to %q, %s", c.body, op.In, op.Data.JSON)
			}
		}
	}
}

func TestObjectsOfOtherLanguages(t *testing.T) {
	f := newFixture(t)
	f.checkResponse(f.postJSON("emit", `{"event":"x","ack":[]}`), 200, `{"delivered":0,"responses":[],"complete":true}`)
	f.checkResponse(f.postJSON("join", `{"rooms":[42],"in":{"1":"a"},"except":null}`), 200, `{"sockets":0}`)
	f.checkResponse(f.postJSON("leave", "\ufeff"+`{"rooms":{"1":42}}`), 200, `{"sockets":0}`)
	f.checkResponse(f.postJSON("disconnect", `[]`), 200, `{"sockets":0}`)
	f.checkResponse(f.postJSON("emit", `[]`), 200, `{"emits":0,"delivered":0,"errors":[]}`)
	f.checkResponse(f.postJSON("emit", `{"0":{"event":"x"},"2":[]}`), 200, `{"emits":1,"delivered":0,"errors":[{"index":1,"error":"event: expected the name of an event"}]}`)
	f.checkResponse(f.postLines(strings.NewReader("[]\n")), 200, `{"emits":0,"delivered":0,"errors":[{"index":0,"error":"event: expected the name of an event"}]}`)
	f.checkResponse(f.getReply("sockets?in=%ED%A0%BD"), 400, "in: invalid UTF-8")
	f.checkResponse(f.postJSON("join", `{"rooms":["r\ud83d"]}`), 400, `rooms.0: unexpected string of 9 bytes`)
}
