package api

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

// An empty list of rooms selects no socket. An absent list, or null, selects all sockets.
func TestEmptyListSelectsNoSocket(t *testing.T) {
	f := newFixture(t)
	server := httptest.NewServer(f)
	defer server.Close()
	c := f.connectClients(server, "/chat", 2)
	const at = `"namespace":"/chat"`
	for _, list := range []string{`[]`, ` [ ] `} {
		f.checkResponse(f.postJSON("emit", `{`+at+`,"event":"no","to":`+list+`}`), 200, `{"delivered":0}`)
		f.checkResponse(f.postJSON("emit", `{`+at+`,"event":"no","to":`+list+`,"except":[]}`), 200, `{"delivered":0}`)
		f.checkResponse(f.postJSON("emit", `[{`+at+`,"event":"no","to":`+list+`}]`), 200, `{"emits":1,"delivered":0,"errors":[]}`)
		f.checkResponse(f.postJSON("emit", `{`+at+`,"event":"no","to":`+list+`,"ack":{"timeout":"5m"}}`), 200, `{"delivered":0,"responses":[],"complete":true}`)
		f.checkResponse(f.postLines(strings.NewReader(`{`+at+`,"event":"no","to":`+list+`}`)), 200, `{"emits":1,"delivered":0,"errors":[]}`)
		for _, operation := range []string{"join", "leave"} {
			f.checkResponse(f.postJSON(operation, `{`+at+`,"in":`+list+`,"rooms":["`+c[0].id+`"]}`), 200, `{"sockets":0}`)
		}
		f.checkResponse(f.postJSON("disconnect", `{`+at+`,"in":`+list+`}`), 200, `{"sockets":0}`)
		f.checkResponse(f.postJSON("disconnect", `{`+at+`,"in":`+list+`,"except":["`+c[0].id+`"],"close":true}`), 200, `{"sockets":0}`)
	}
	f.checkResponse(f.getReply("sockets?namespace=/chat&in="), 200, `[]`)
	f.checkResponse(f.getReply("sockets?namespace=/chat&in=&except="+c[0].id), 200, `[]`)
	f.checkResponse(f.getReply("sockets?namespace=/chat&in=&in=a"), 400, "in: bad room name: it is empty")
	if ops := f.listPublished(); len(ops) > 0 {
		t.Errorf("published %v", ops)
	}
	for _, list := range []string{``, `,"to":null`, `,"to":null,"except":[]`} {
		f.checkResponse(f.postJSON("emit", `{`+at+`,"event":"all"`+list+`}`), 200, `{"delivered":2}`)
	}
	f.checkResponse(f.postJSON("join", `{`+at+`,"in":null,"rooms":["r"]}`), 200, `{"sockets":2}`)
	f.checkResponse(f.postJSON("emit", `{`+at+`,"event":"r","to":["r"]}`), 200, `{"delivered":2}`)
	for _, c := range c {
		for _, want := range []string{`["all"]`, `["all"]`, `["all"]`, `["r"]`} {
			if got := c.readEvent(); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	}
	f.checkResponse(f.postJSON("disconnect", fmt.Sprintf(`{%s,"in":[%q]}`, at, c[0].id)), 200, `{"sockets":1}`)
	f.checkResponse(f.postJSON("disconnect", `{`+at+`}`), 200, `{"sockets":1}`)
}
