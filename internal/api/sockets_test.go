package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// newPopulatedFixture returns an API with three clients in /chat, sorted by id.
func newPopulatedFixture(t *testing.T) (*fixture, []*client) {
	f := newFixture(t)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	clients := f.connectClients(server, "/chat", 3)
	slices.SortFunc(clients, func(a, b *client) int { return strings.Compare(a.id, b.id) })
	return f, clients
}

func TestJoinAndLeaveChangeRooms(t *testing.T) {
	f, c := newPopulatedFixture(t) // no socket id begins like the names of these rooms
	join := func(body string, n int) {
		t.Helper()
		f.checkResponse(f.postJSON("join?namespace=/chat", body), 200, fmt.Sprintf(`{"sockets":%d}`, n))
	}
	join(fmt.Sprintf(`{"in":["%s"],"rooms":[".a","user:1"]}`, c[0].id), 1)
	join(fmt.Sprintf(`{"in":["%s",".a"],"rooms":["b"]}`, c[1].id), 2)
	join(`{"in":["b"],"except":[".a"],"rooms":["user:2"]}`, 1)
	join(`{"rooms":[".all"]}`, 3)
	join(`{"in":["nobody"],"rooms":[".all"]}`, 0)
	f.checkResponse(f.getReply("rooms?namespace=/chat&prefix=user:"), 200, `[{"name":"user:1","sockets":1},{"name":"user:2","sockets":1}]`)
	f.checkResponse(f.getReply("rooms?namespace=/chat&prefix=.a"), 200, `[{"name":".a","sockets":1},{"name":".all","sockets":3}]`)

	f.checkResponse(f.postJSON("leave", `{"namespace":"/chat","in":[".a"],"rooms":[".all","b","nowhere"]}`), 200, `{"sockets":1}`)
	f.checkResponse(f.getReply("rooms?namespace=/chat&prefix=.a"), 200, `[{"name":".a","sockets":1},{"name":".all","sockets":2}]`)
	f.checkResponse(f.getReply("namespaces"), 200, `[{"name":"/","sockets":0,"rooms":0},{"name":"/chat","sockets":3,"rooms":8}]`)

	f.checkResponse(f.postJSON("emit", `{"namespace":"/chat","to":[".a",".all"],"except":["user:2"],"event":"x","args":[1]}`), 200, `{"delivered":2}`)
	for _, i := range []int{0, 2} {
		if got := c[i].readEvent(); got != `["x",1]` {
			t.Errorf("client %d got %s", i, got)
		}
	}
}

func TestDisconnectSelectsSockets(t *testing.T) {
	f, c := newPopulatedFixture(t)
	f.checkResponse(f.postJSON("disconnect", fmt.Sprintf(`{"namespace":"/chat","in":["%s"]}`, c[0].id)), 200, `{"sockets":1}`)
	if got := c[0].readPacket(); got != "41/chat," {
		t.Errorf("got %q", got)
	}
	f.awaitReply("namespaces", `[{"name":"/","sockets":0,"rooms":0},{"name":"/chat","sockets":2,"rooms":2}]`)
	f.checkResponse(f.postJSON("disconnect", fmt.Sprintf(`{"namespace":"/chat","except":["%s"],"close":true}`, c[2].id)), 200, `{"sockets":1}`)
	for _, want := range []string{"41/chat,", "1"} {
		if got := c[1].readPacket(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	want := cluster.Disconnect{Target: rooms.Target{Except: []string{c[2].id}}, Close: true}
	if ops := f.listPublished(); !reflect.DeepEqual(ops[len(ops)-1], publication{"/chat", want}) {
		t.Errorf("published %+v", ops)
	}
}

func TestInvalidBodiesAreRefused(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ path, body, error string }{
		{"join", `{}`, "rooms: expected one or more names"},
		{"join", `{"rooms":[]}`, "rooms: expected one or more names"},
		{"join", `{"rooms":[""]}`, "rooms: bad room name: it is empty"},
		{"join", `{"rooms":"a"}`, "rooms: unexpected string, expected a list"},
		{"join", `{"rooms":["a"],"in":["",""]}`, "in: bad room name"},
		{"join", `{"rooms":["a"],"in":"b"}`, "in: unexpected string, expected a list"},
		{"join", `{"rooms":["a"],"except":[{}]}`, "except.0: unexpected object of 2 bytes, expected the name of a room"},
		{"join", `{"rooms":["a"],"hub":1}`, "hub: unexpected number, expected a string"},
		{"join", `{"rooms":["a"],"to":["b"]}`, "to: unknown field"},
		{"join", `[{"rooms":["a"]}]`, "body: unexpected array, expected an object"},
		{"leave", `{"room":["a"]}`, "room: unknown field"},
		{"leave", ``, "body: expected JSON, it is empty"},
		{"disconnect", `{"close":"yes"}`, "close: unexpected string, expected true or false"},
		{"disconnect", `{"rooms":["a"]}`, "rooms: unknown field"},
		{"disconnect?in=a", `{}`, "in: unknown in a query"},
		{"server_side_emit", `{}`, "event: expected the name"},
		{"server_side_emit", `{"event":"new_namespace"}`, "event: reserved event name"},
		{"server_side_emit", `{"event":"caddy-socketio:x"}`, "which is for messages between nodes"},
		{"server_side_emit", `{"event":"x","args":[{"$binary":""}]}`, "args: expected no binary values: other nodes cannot receive them"},
		{"server_side_emit", `{"event":"x","args":1}`, "args: expected a list"},
		{"server_side_emit", `{"event":"x","to":["a"]}`, "to: unknown field"},
		{"server_side_emit", `{"event":"x","ack":{"timeout":"x"}}`, "ack.timeout: "},
	} {
		got := f.postJSON(c.path, c.body)
		if got.status != 400 {
			t.Errorf("%s %s: status %d", c.path, c.body, got.status)
			continue
		}
		f.checkResponse(got, 400, c.error)
	}
	if got := f.listPublished(); len(got) != 0 {
		t.Errorf("published %v", got)
	}
}

func TestInvalidQueriesAreRefused(t *testing.T) {
	f := newFixture(t)
	for query, error := range map[string]string{
		"rooms?limit=0":              "limit: unexpected",
		"rooms?limit=100001":         "limit: unexpected",
		"rooms?limit=ten":            "limit: unexpected",
		"rooms?in=a":                 "in: unknown in a query",
		"rooms?own=yes":              `own: unexpected "yes", expected true or false`,
		"rooms?after=a&after=b":      "after: given twice",
		"sockets?local=1":            "local: unexpected",
		"sockets?prefix=a":           "prefix: unknown",
		"sockets?in=a&in=":           "in: bad room name",
		"sockets?except=":            "except: bad room name",
		"namespaces?namespace=/chat": "namespace: unknown",
		"?hub=default":               "hub: unknown",
		"rooms?%":                    "query: ",
	} {
		f.checkResponse(f.getReply(query), 400, error)
	}
	f.checkResponse(f.getReply("rooms?namespace=/nope"), 404, "namespace: there is no")
	f.checkResponse(f.getReply("sockets?hub=nope"), 404, "hub: there is no")
	f.checkResponse(f.getReply("sockets?namespace=/org-1"), 200, "[]")
}

// listSockets returns the sockets of a reply.
func (f *fixture) listSockets(query url.Values) (list []Socket) {
	f.Helper()
	query.Set("namespace", "/chat")
	got := f.getReply("sockets?" + query.Encode())
	if got.status != 200 || json.Unmarshal([]byte(got.body), &list) != nil {
		f.Fatal(got)
	}
	return list
}

func listIDs(list []Socket) (listIDs []string) {
	for _, s := range list {
		listIDs = append(listIDs, s.ID)
	}
	return listIDs
}

func TestSocketsAreSelectedAndPaged(t *testing.T) {
	f, c := newPopulatedFixture(t)
	f.postJSON("join", fmt.Sprintf(`{"namespace":"/chat","in":["%s","%s"],"rooms":["a"]}`, c[0].id, c[2].id))
	for _, s := range []struct {
		query url.Values
		want  []string
	}{
		{url.Values{}, []string{c[0].id, c[1].id, c[2].id}},
		{url.Values{"in": {"a"}}, []string{c[0].id, c[2].id}},
		{url.Values{"in": {"a", c[1].id}, "except": {c[0].id}}, []string{c[1].id, c[2].id}},
		{url.Values{"limit": {"2"}}, []string{c[0].id, c[1].id}},
		{url.Values{"limit": {"2"}, "after": {c[1].id}}, []string{c[2].id}},
		{url.Values{"after": {c[2].id}}, nil},
		{url.Values{"in": {"nobody"}}, nil},
	} {
		if got := listIDs(f.listSockets(s.query)); !slices.Equal(got, s.want) {
			t.Errorf("%v: got %v, want %v", s.query, got, s.want)
		}
	}
	s := f.listSockets(url.Values{"in": {c[0].id}})[0]
	if !slices.Equal(s.Rooms, []string{c[0].id, "a"}) || string(s.Data) != "{}" || s.Handshake.Query["EIO"] != "4" ||
		!strings.HasPrefix(s.Handshake.URL, "/socket.io/?") || s.Handshake.Address == "" || s.Handshake.Time == "" {
		t.Errorf("got %+v", s)
	}
}

func TestSocketsIncludeOtherNodes(t *testing.T) {
	f, c := newPopulatedFixture(t)
	var fails error
	f.onRequest = func(_ context.Context, _ cluster.Request, each func(cluster.Reply)) error {
		each(cluster.Sockets{{ID: "other"}})
		return fails
	}
	for _, complete := range []string{"true", "false"} {
		got := f.getReply("sockets?namespace=/chat&limit=100")
		if got.header.Get(CompleteHeader) != complete || strings.Count(got.body, `"id"`) != 4 {
			t.Errorf("complete %s: %v", complete, got)
		}
		if !strings.Contains(got.body, `{"id":"other","rooms":[],"data":null,"handshake":{"time":"","address":"","url":"","query":{},"secure":false}}`) {
			t.Errorf("got %s", got.body)
		}
		fails = cluster.ErrIncomplete
	}
	if got := listIDs(f.listSockets(url.Values{"local": {"true"}})); len(got) != 3 || slices.Contains(got, "other") || got[0] != c[0].id {
		t.Errorf("local: %v", got)
	}
}

func TestEmitCollectsAcks(t *testing.T) {
	f, c := newPopulatedFixture(t)
	replies := make(chan response)
	emit := func(body string) { go func() { replies <- f.postJSON("emit?namespace=/chat", body) }() }

	// All acknowledge.
	emit(fmt.Sprintf(`{"event":"q","args":["?"],"to":["%s","%s"],"ack":{"timeout":"1m"}}`, c[0].id, c[1].id))
	for _, client := range c[:2] {
		if got := client.readEvent(); got != `0["q","?"]` {
			t.Fatalf("got %s", got)
		}
		client.postPacket(`43/chat,0["ok",{"n":1}]`)
	}
	f.checkResponse(<-replies, 200, `{"delivered":2,"responses":[["ok",{"n":1}],["ok",{"n":1}]],"complete":true}`)

	// One does not.
	emit(fmt.Sprintf(`{"event":"q","to":["%s","%s"],"ack":{"timeout":"200ms"}}`, c[0].id, c[1].id))
	c[0].readEvent()
	c[0].postPacket(`43/chat,1[]`)
	f.checkResponse(<-replies, 200, `{"delivered":2,"responses":[[]],"complete":false}`)

	// No socket matches.
	emit(`{"event":"q","to":["nobody"],"ack":{}}`)
	f.checkResponse(<-replies, 200, `{"delivered":0,"responses":[],"complete":true}`)

	// Binary values are converted to JSON, and a local emit makes no request to other nodes.
	f.onRequest = func(context.Context, cluster.Request, func(cluster.Reply)) error {
		t.Error("request to other nodes")
		return nil
	}
	emit(fmt.Sprintf(`{"event":"q","to":["%s"],"local":true,"ack":{}}`, c[2].id))
	c[2].readEvent()
	c[2].postPacket("461-/chat,3[{\"_placeholder\":true,\"num\":0}]\x1ebAAEC")
	f.checkResponse(<-replies, 200, `{"delivered":1,"responses":[[{"$binary":"AAEC"}]],"complete":true}`)
}

func TestEmitCollectsAcksOfOtherNodes(t *testing.T) {
	f := newFixture(t)
	var fails error
	f.onRequest = func(_ context.Context, q cluster.Request, each func(cluster.Reply)) error {
		if e := q.(cluster.EmitAck); e.Data.String() != `["q"]` {
			t.Errorf("request %v", e)
		}
		each(cluster.ClientCount(1))
		each(cluster.ClientAck{Data: sio.Data{JSON: []byte(`[7]`)}})
		return fails
	}
	f.checkResponse(f.postJSON("emit", `{"event":"q","ack":{}}`), 200, `{"delivered":1,"responses":[[7]],"complete":true}`)
	fails = fmt.Errorf("out of reach")
	f.checkResponse(f.postJSON("emit", `{"event":"q","ack":{}}`), 200, `{"delivered":1,"responses":[[7]],"complete":false}`)
}

func TestServerSideEmitCollectsResponses(t *testing.T) {
	f := newFixture(t)
	f.checkResponse(f.postJSON("server_side_emit", `{"namespace":"/chat","event":"disconnect","args":[1]}`), 200, `{"responses":[],"complete":true}`)
	got := f.listPublished()
	if len(got) != 1 || got[0].namespace != "/chat" || got[0].op.(cluster.ServerEmit).Data.String() != `["disconnect",1]` {
		t.Errorf("published %+v", got)
	}
	var fails error
	f.onRequest = func(_ context.Context, _ cluster.Request, each func(cluster.Reply)) error {
		each(cluster.ServerAck{Data: sio.Data{JSON: []byte(`"up"`)}})
		return fails
	}
	f.checkResponse(f.postJSON("server_side_emit", `{"event":"x","ack":{"timeout":"1s"}}`), 200, `{"responses":["up"],"complete":true}`)
	fails = hub.ErrTimeout
	f.checkResponse(f.postJSON("server_side_emit", `{"event":"x","ack":{}}`), 200, `{"responses":["up"],"complete":false}`)
	fails = fmt.Errorf("out of reach")
	f.checkResponse(f.postJSON("server_side_emit", `{"event":"x","ack":{}}`), 503, "cluster: out of reach")
	f.checkResponse(f.postJSON("server_side_emit", `{"event":"x","namespace":"/no","ack":{}}`), 404, "namespace: ")
}
