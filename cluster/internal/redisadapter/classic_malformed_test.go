package redisadapter

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// malformedRequests are requests that must only be counted.
var malformedRequests = []string{
	``, `{`, `{}`, `null`, `[]`, `"x"`, `1`, `{"type":null}`, `{"type":"2"}`, `{"type":2.5,"opts":{},"rooms":["a"]}`, `{"type":99}`, `{"type":99,"requestId":"x"}`,
	`{"type":2}`, `{"type":2,"rooms":["a"]}`, `{"type":4}`, `{"type":4,"opts":null}`, `{"type":4,"opts":"x"}`, `{"type":4,"opts":[]}`, `{"type":4,"opts":{"rooms":{}}}`,
	`{"type":4,"opts":{"rooms":[{}]}}`, `{"type":4,"opts":{"rooms":[]},"close":"yes"}`, `{"type":2,"opts":{"rooms":[]},"rooms":{"a":1}}`,
	`{"type":5}`, `{"type":5,"requestId":"x"}`, `{"type":5,"opts":{}}`, `{"type":1}`, `{"type":0}`,
	`{"type":66}`, `{"type":66,"opts":{},"key":"k"}`, `{"type":66,"opts":{},"key":{},"value":1}`,
	`{"type":6}`, `{"type":6,"data":"e"}`, `{"type":6,"data":[]}`, `{"type":6,"data":{}}`, `{"type":6,"requestId":"x","data":{"0":"e"}}`, `{"type":6,"data":[{}]}`,
	`{"type":6,"data":["connect"]}`, `{"type":6,"requestId":"x","data":["e",{"_placeholder":true,"num":0}]}`,
	`{"type":7,"requestId":"x"}`, `{"type":7,"requestId":"x","opts":{}}`, `{"type":7,"requestId":"x","packet":{},"opts":{}}`,
	`{"type":7,"requestId":"x","packet":{"data":"e"},"opts":{}}`, `{"type":7,"requestId":"x","packet":{"type":3,"data":["e"]},"opts":{}}`,
	`{"type":7,"packet":{"data":["e"]},"opts":{}}`, `{"requestid":"x"}`, `{"requestid":"x","type":77}`, `{"requestid":{},"type":2}`,
	`{"type":4,"opts":{"rooms":[],"except":[]}} x`, "{\"type\":\xff}", "\x81\xa4type", "\x81\xa4type\x02\x00", "\x93\xa1x",
	strings.Repeat("[", 5000), `{"a":` + strings.Repeat("[", 5000),
}

// TestMalformedMessagesAreCounted sends messages that end some Node.js servers, by all channels,
// and then a good one.
func TestMalformedMessagesAreCounted(t *testing.T) {
	s := redistest.Start(t)
	n := redistest.OpenNode(t, startNode(t, s), "/")
	n.WaitNodes(1)
	send := func(channel, message string) { s.Command("PUBLISH", channel, message) }
	stop := expectReplies(n)
	defer stop()
	want := uint64(0)
	for _, m := range malformedEmits(t) {
		send("socket.io#/#", m)
		want++
	}
	for _, m := range malformedRequests {
		send("socket.io-request#/#", m)
		want++
	}
	for _, m := range append(malformedRequests, malformedEmits(t)...) {
		send("socket.io-response#/#", m) // no request is pending
		send("socket.io-response#/#"+adapterOf(n.Adapter).namespace.uid+"#", m)
		send("socket.io#/#no-end", m)
		send("socket.io#emitter", m)
	}
	send("socket.io#/#", toMsgPack(t, `["x",{"data":["end"]},{}]`))
	if got := n.NextEmit(); got.Data.String() != `["end"]` {
		t.Errorf("got %+v", got)
	}
	redistest.Eventually(t, "all requests are handled", func() bool { return connectionOf(n).describeState().Malformed >= want })
	if got := connectionOf(n).describeState().Malformed; got != want || len(n.Applied) > 0 {
		t.Errorf("%d messages counted, not %d; got %d more", got, want, len(n.Applied))
	}
	if got := connectionOf(n).inbound.Load(); got != 0 {
		t.Errorf("%d bytes left", got)
	}
}

// expectReplies has a node wait for replies until the returned function is called.
func expectReplies(n *redistest.Node) (forget func()) {
	ln := adapterOf(n.Adapter).namespace
	ln.pending.addRequest("awaited")
	return func() { ln.pending.removeRequest("awaited") }
}

// TestMalformedRepliesAreIgnored has another node send malformed replies, and then a good one.
func TestMalformedRepliesAreIgnored(t *testing.T) {
	s := redistest.Start(t)
	a, b := classicSuite.OpenPair(t, s, "/")
	b.OnRequest = func(_ context.Context, q cluster.Request, reply func(cluster.Reply)) {
		ln := adapterOf(a.Adapter).namespace
		id := pendingID(ln)
		for _, m := range []string{`{"requestId":"%s","sockets":[{"id":{}}]}`, `{"requestId":"%s","sockets":"x"}`, `{"requestId":"%s"`, `{"requestId":"%s","rooms":[{}]}`} {
			s.Command("PUBLISH", ln.names.replies, fmt.Sprintf(m, id))
		}
		s.Command("PUBLISH", ln.names.ownReplies, fmt.Sprintf(`{"requestId":"%s","sockets":[{"id":"good","rooms":["good",7],`+
			`"handshake":{"headers":{"a":"b","set-cookie":["x","y"]},"query":{"q":["1","2"]}}}]}`, id))
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

// TestEmitPublishedPerRoomIsAppliedOnce replays messages of emitter 2 to two rooms.
func TestEmitPublishedPerRoomIsAppliedOnce(t *testing.T) {
	s := redistest.Start(t)
	n := redistest.OpenNode(t, startNode(t, s), "/")
	n.WaitNodes(1)
	for _, c := range readClassicTranscript(t) {
		if strings.HasPrefix(c.Source, "socket.io-emitter 2") && strings.Contains(c.Step, "two rooms") {
			s.Command("PUBLISH", c.Channel, c.decodePayload(t))
		}
	}
	for _, want := range []rooms.Target{{In: []string{"r1"}}, {In: []string{"r2"}, Except: []string{"r1"}}} {
		if got := n.NextEmit().Target; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("to %v, not %v", got, want)
		}
	}
}

// TestHugeMessagesAreDropped sends messages above the limit, and then a good one.
func TestHugeMessagesAreDropped(t *testing.T) {
	s := redistest.Start(t)
	huge := strings.Repeat("x", maxMessageSize+1)
	for _, mode := range []Mode{"", Dynamic} {
		n := openRoomNode(t, startNode(t, s, inMode(mode)), "/")
		n.WaitNodes(1)
		publish, good := "PUBLISH", toMsgPack(t, `["x",{"data":["end"]},{}]`)
		if mode != "" {
			publish, good = "SPUBLISH", `{"type":3,"data":{"packet":{"type":2,"data":["end"]},"opts":{}},"uid":"x","nsp":"/"}`
		}
		for i := range uint64(3) {
			s.Command(publish, "socket.io#/#", huge)
			// Redis closes connections with too much output.
			redistest.Eventually(t, "the message is dropped", func() bool { return connectionOf(n.Node).describeState().Dropped == i+1 })
		}
		s.Command(publish, "socket.io#/#", good)
		if got := n.NextEmit(); got.Data.String() != `["end"]` {
			t.Errorf("got %.60s", got.Data)
		}
		if state := connectionOf(n.Node).describeState(); state.Dropped != 3 || connectionOf(n.Node).inbound.Load() != 0 {
			t.Errorf("%+v", state)
		}
	}
}
