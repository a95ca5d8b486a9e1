package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// decodeTop decodes the reply to a measurement, and checks it against its schema.
func decodeTop(t *testing.T, r response) (top Top) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(r.body), &v); r.status != 200 || err != nil {
		t.Fatalf("got status %d, %s", r.status, r.body)
	}
	root := readSpec(t)
	if err := root.descend(root, "components", "schemas", "Top").validateValue(root, v); err != nil {
		t.Errorf("%s: %v", r.body, err)
	}
	if err := json.Unmarshal([]byte(r.body), &top); err != nil {
		t.Fatal(err)
	}
	return top
}

// openSocket connects a client that polls no more, and has its socket join a room. The caller
// runs in a bubble of synctest.
func (f *fixture) openSocket(namespace, room string) {
	f.Helper()
	send := func(method, query, body string) string {
		w := httptest.NewRecorder()
		f.hub.ServeHTTP(w, httptest.NewRequest(method, "/socket.io/?EIO=4&transport=polling"+query, strings.NewReader(body)))
		return w.Body.String()
	}
	sid := "&sid=" + strings.Split(send("GET", "", ""), `"`)[3]
	send("POST", sid, "40"+namespace+",")
	id := strings.Split(send("GET", sid, ""), `"`)[3]
	if n, err := f.hub.Of(namespace).To(id).SocketsJoin(room); n != 1 || err != nil {
		f.Errorf("%d sockets joined %q: %v", n, room, err)
	}
}

func TestTopCountsEmitsOfTheAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		for _, room := range []string{"lobby", "lobby", "\x1b[2J\u202e"} {
			f.openSocket("/chat", room)
		}
		f.openSocket("/", "lobby")
		replies := make(chan response)
		go func() { replies <- f.getReply("top?for=10s&namespace=/c*") }()
		synctest.Wait()
		f.postJSON("emit", `[{"namespace":"/chat","to":["lobby"],"event":"a"},{"namespace":"/chat","to":["lobby"],"event":"b"},{"event":"c"},{"namespace":"/chat","event":"d"}]`)
		f.postJSON("emit", `{"namespace":"/chat","to":["\u001b[2J\u202e"],"event":"e"}`)
		top := decodeTop(t, <-replies)
		if top.Seconds != 10 || top.Sockets != 3 || top.Deliveries != 2+2+3+1 || len(top.Namespaces) != 1 || top.Namespaces[0] != (hub.NamespaceActivity{Name: "/chat", Sockets: 3, Deliveries: 8}) {
			t.Errorf("got %+v", top)
		}
		if len(top.Rooms) != 2 || top.Rooms[0] != (hub.RoomActivity{Namespace: "/chat", Name: "lobby", Sockets: 2, Deliveries: 4}) || top.Rooms[1].Name != "\x1b[2J\u202e" || top.Rooms[1].Deliveries != 1 {
			t.Errorf("got the rooms %+v", top.Rooms)
		}
		if len(top.Queues) != 3 || top.Queues[0].Messages != 3 {
			t.Errorf("got the queues %+v", top.Queues)
		}
		top = decodeTop(t, f.getReply("top?for=0s&sort=sockets&limit=1&local=true"))
		if top.Seconds != 0 || top.Sockets != 4 || top.Deliveries != 0 || len(top.Rooms) != 1 || top.Rooms[0].Sockets != 2 || len(top.Queues) != 1 {
			t.Errorf("at once: got %+v", top)
		}
	})
}

func TestTopRefusesWrongQueries(t *testing.T) {
	f := newFixture(t)
	for _, tt := range []struct {
		query string
		want  string
	}{
		{"limit=0", `limit: unexpected "0", expected a number from 1 to 1000`},
		{"limit=1001", `limit: unexpected "1001", expected a number from 1 to 1000`},
		{"for=x", `for: unexpected "x", expected a duration from 0s to 1m0s, like 2s`},
		{"for=-1s", `for: unexpected "-1s"`},
		{"for=61s", `for: unexpected "61s"`},
		{"sort=members", `sort: unexpected "members", expected deliveries or sockets`},
		{"local=yes", `local: unexpected "yes", expected true or false`},
		{"namespace=/" + strings.Repeat("a", 2000), "namespace: longer than"},
	} {
		f.checkResponse(f.getReply("top?"+tt.query), 400, tt.want)
	}
	f.api.OnlyNamespaces = []string{"/org-*"}
	f.checkResponse(f.getReply("top?for=0s&namespace=/chat"), 403, `namespace: "/chat" is not allowed here`)
	top := decodeTop(t, f.getReply("top?for=0s"))
	if len(top.Namespaces) != 0 {
		t.Errorf("got namespaces that are not allowed: %+v", top.Namespaces)
	}
}
