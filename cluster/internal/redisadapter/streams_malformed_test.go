package redisadapter

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

func encodeBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// malformedEntries are types and data of entries that must only be counted.
var malformedEntries = [][2]string{
	{"3", ""},
	{"66", `{"opts":{},"key":"k"}`},
	{"66", `{"key":"k","value":1}`},
	{"3", "{"},
	{"3", "{}"},
	{"3", "null"},
	{"3", "!!"},
	{"3", "gA=="},
	{"3", "gAA="},
	{"3", "gaNmb28"},
	{"3", "{}x"},
	{"3", "{\"a\":\"\xff\"}"},
	{"3", `{"packet":{"type":2,"data":["e"]}}`},
	{"3", `{"opts":{}}`},
	{"3", `{"packet":null,"opts":{}}`},
	{"3", `{"packet":{},"opts":{}}`},
	{"3", `{"packet":{"data":"e"},"opts":{}}`},
	{"3", `{"packet":{"data":[]},"opts":{}}`},
	{"3", `{"packet":{"data":[{}]},"opts":{}}`},
	{"3", `{"packet":{"data":["connect"]},"opts":{}}`},
	{"3", `{"packet":{"type":3,"data":["e"]},"opts":{}}`},
	{"3", `{"packet":{"type":"2","data":["e"]},"opts":{}}`},
	{"3", `{"packet":{"data":["e"]},"opts":{"rooms":{}}}`},
	{"3", `{"packet":{"data":["e"]},"opts":{"except":[{}]}}`},
	{"3", `{"packet":{"data":["e",{"_placeholder":true,"num":0}]},"opts":{}}`},
	{"3", `{"packet":["e"],"opts":{}}`},
	{"4", `{"rooms":["a"]}`},
	{"4", `{"opts":null,"rooms":["a"]}`},
	{"4", `{"opts":{},"rooms":{}}`},
	{"4", `{"opts":[],"rooms":["a"]}`},
	{"5", `{"opts":1}`},
	{"6", `{}`},
	{"6", `{"opts":{},"close":"yes"}`},
	{"6", `{"opts":{"rooms":[[]]}}`},
	{"3", strings.Repeat("[", 5000)},
	{"3", `{"a":` + strings.Repeat("[", 5000)},
}

// ignoredEntries are of types that the stream does not have.
var ignoredEntries = [][2]string{{"", "{}"}, {"x", "{}"}, {"1", ""}, {"2", "{}"}, {"13", ""}, {"7", `{"opts":{},"requestId":"1"}`}, {"99", "{}"}, {"-3", "{}"}, {"3.0", "{}"}}

// malformedMessages are messages of channels that must only be counted.
var malformedMessages = []string{
	`null`, `1`, `[]`, `"x"`, `{}`, `{"type":3}`, `{"type":3,"uid":"u","nsp":"/"}`,
	`{"type":3,"uid":"u","nsp":"/","data":{}}`, `{"type":3,"uid":"u","nsp":"/","data":{"packet":{"data":["e"]},"opts":{}}}`,
	`{"type":3,"uid":"u","nsp":"/","data":{"requestId":"r","packet":{"data":"e"},"opts":{}}}`,
	`{"type":7,"uid":"u","nsp":"/","data":{}}`, `{"type":7,"uid":"u","nsp":"/","data":{"opts":{}}}`, `{"type":7,"uid":"u","nsp":"/","data":{"requestId":"r"}}`,
	`{"type":7,"nsp":"/","data":{"opts":{},"requestId":"r"}}`, `{"type":7,"uid":"u","nsp":"/","data":{"opts":1,"requestId":"r"}}`,
	`{"type":9,"uid":"u","nsp":"/","data":{}}`, `{"type":9,"uid":"u","nsp":"/","data":{"packet":"e"}}`, `{"type":9,"uid":"u","nsp":"/","data":{"packet":[]}}`,
	`{"type":9,"uid":"u","nsp":"/","data":{"packet":["connection"]}}`, `{"type":9,"uid":"u","nsp":"/","data":{"packet":[1]}}`,
	`{"type":4,"uid":"u","nsp":"/","data":{"opts":{}}}`, `{"type":99,"uid":"u","nsp":"/","data":{}}`, `{"type":1.5,"uid":"u","nsp":"/","data":{}}`,
}

// TestMalformedEntriesAreCounted sends malformed entries and messages, and then a good entry.
func TestMalformedEntriesAreCounted(t *testing.T) {
	s := redistest.Start(t)
	n := redistest.OpenNode(t, startStreamsNode(t, s), "/")
	n.WaitNodes(1)
	add := func(typ, data string) {
		s.Command("XADD", "socket.io", "*", "uid", "u", "nsp", "/", "type", typ, "data", data)
	}
	want := uint64(0)
	for _, e := range malformedEntries {
		add(e[0], e[1])
		want++
	}
	for _, e := range ignoredEntries {
		add(e[0], e[1])
	}
	s.Command("XADD", "socket.io", "*", "nothing", "useful")
	s.Command("XADD", "socket.io", "*", "nsp", "/other", "type", "3", "uid", "u")
	s.Command("XADD", "socket.io", "*", "nsp", "/", "type", "4", "uid", "u") // no data
	want++
	private := adapterOf(n.Adapter).namespace.names.ownReplies
	for _, m := range malformedMessages {
		s.Command("PUBLISH", "socket.io#/#", toMsgPack(t, m))
		want++
	}
	for _, m := range []string{"", "x", "{}", "\x81\xa4type", "\x81\xa4type\x03\x00", "\xc1", strings.Repeat("\x91", 5000)} {
		s.Command("PUBLISH", "socket.io#/#", m)
		s.Command("PUBLISH", private, m)
		want += 2
	}
	for _, m := range []string{`{"type":8,"uid":"u","nsp":"/","data":{"requestId":"?"}}`, `{"type":9,"uid":"u","nsp":"/other","data":{"packet":["e"]}}`} {
		s.Command("PUBLISH", private, toMsgPack(t, m)) // no request is pending; of another namespace
	}
	add("3", base64.StdEncoding.EncodeToString([]byte(toMsgPack(t, `{"packet":{"type":5,"data":["end"]},"opts":{"rooms":7,"except":null,"flags":[]}}`))))
	got := n.NextEmit()
	if got.Data.String() != `["end"]` || fmt.Sprint(got.In, got.Except) != "[7] []" {
		t.Errorf("got %+v", got)
	}
	l := connectionOf(n)
	redistest.Eventually(t, "all is handled", func() bool { return l.describeState().Malformed >= want && l.inbound.Load() == 0 })
	if got := l.describeState().Malformed; got != want || len(n.Applied) > 0 {
		t.Errorf("%d counted, not %d; got %d more", got, want, len(n.Applied))
	}
}

// TestStreamsMalformedRepliesAreIgnored has another node send malformed replies, and then a good
// one.
func TestStreamsMalformedRepliesAreIgnored(t *testing.T) {
	s := redistest.Start(t)
	a, b := streamsSuite.OpenPair(t, s, "/")
	b.OnRequest = func(_ context.Context, q cluster.Request, _ func(cluster.Reply)) {
		ln := adapterOf(a.Adapter).namespace
		id := pendingID(ln)
		for _, data := range []string{`{"requestId":"%s","sockets":[{"id":{}}]}`, `{"requestId":"%s","sockets":"x"}`, `["%s"]`, `{"requestId":"%s","sockets":[{"rooms":[{}]}]}`} {
			s.Command("PUBLISH", ln.names.ownReplies, toMsgPack(t, fmt.Sprintf(`{"type":8,"data":`+data+`,"uid":"u","nsp":"/"}`, id)))
		}
		s.Command("PUBLISH", ln.names.ownReplies, toMsgPack(t, fmt.Sprintf(`{"type":11,"data":{"requestId":"%s","clientCount":1},"uid":"u","nsp":"/"}`, id)))
		s.Command("PUBLISH", ln.names.ownReplies, toMsgPack(t, fmt.Sprintf(`{"type":8,"data":{"requestId":"%s","sockets":[{"id":"good","rooms":["good",7],`+
			`"handshake":{"headers":{"a":"b","set-cookie":["x","y"]},"query":{"q":["1","2"]}}}]},"uid":"u","nsp":"/"}`, id)))
	}
	replies, err := a.Request(cluster.FetchSockets{})
	if err != nil || len(replies) != 1 {
		t.Fatalf("%v, %v", replies, err)
	}
	got := replies[0].(cluster.Sockets)[0]
	if got.ID != "good" || got.Rooms[1] != "7" || got.Handshake.Headers["set-cookie"] != "x, y" || got.Handshake.Query["q"] != "1, 2" {
		t.Errorf("%+v", got)
	}
}
