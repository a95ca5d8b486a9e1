package api

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSocketIsInspected(t *testing.T) {
	f, c := newPopulatedFixture(t)
	inspect := func(query string) (s SocketDetails) {
		t.Helper()
		got := f.getReply("socket?id=" + query)
		if err := json.Unmarshal([]byte(got.body), &s); err != nil || got.status != 200 || got.header.Get(CompleteHeader) != "true" {
			t.Fatalf("got %+v, %v", got, err)
		}
		return s
	}
	for _, query := range []string{c[0].id, c[0].id + "&namespace=/chat", c[0].id + "&local=true"} {
		if s := inspect(query); s.ID != c[0].id || s.Namespace != "/chat" || s.State != "connected" || s.Transport != "polling" {
			t.Errorf("%s: got %+v", query, s)
		}
	}
	f.checkResponse(f.postJSON("disconnect?namespace=/chat", `{"in":["`+c[0].id+`"]}`), 200, `{"sockets":1}`)
	f.awaitReply("namespaces", `[{"name":"/","sockets":0,"rooms":0},{"name":"/chat","sockets":2,"rooms":2}]`)
	var s SocketDetails
	for s.Close == nil {
		_ = json.Unmarshal([]byte(f.getReply("socket?id="+c[0].id).body), &s)
	}
	if s.State != "disconnected" || s.Close.Reason != "server namespace disconnect" {
		t.Errorf("got %+v", s)
	}
}

func TestInspectionErrors(t *testing.T) {
	f, c := newPopulatedFixture(t)
	for query, want := range map[string]struct {
		status int
		error  string
	}{
		"":                                       {400, "id: expected the id of a socket"},
		"?id=" + strings.Repeat("a", 2000):       {400, "id: expected the id of a socket"},
		"?id=%ff":                                {400, "id: invalid UTF-8"},
		"?id=a&local=perhaps":                    {400, "local: unexpected"},
		"?id=a&limit=1":                          {400, "limit: unknown in a query"},
		"?id=unknown":                            {404, `id: there is no socket "unknown", and none disconnected in the last 10 minutes`},
		"?id=" + c[0].id + "&namespace=/":        {404, "there is no socket"},
		"?id=" + c[0].id + "&namespace=/nowhere": {404, "namespace: there is no namespace"},
		"?id=" + c[0].id + "&hub=other":          {404, "hub: there is no hub"},
	} {
		f.checkResponse(f.getReply("socket"+query), want.status, want.error)
	}
	f.api.OnlyNamespaces = []string{"/org-*"}
	f.checkResponse(f.getReply("socket?id="+c[0].id), 404, "there is no socket")
	f.checkResponse(f.getReply("socket?id="+c[0].id+"&namespace=/chat"), 403, `namespace: "/chat" is not allowed here`)
}
