package redisadapter

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/msgpack"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// transcriptEntry is a message that an official server or emitter published.
type transcriptEntry struct {
	Source, Step, Cmd, Channel, Text, Hex string
}

func (c *transcriptEntry) decodePayload(t testing.TB) string {
	b, err := hex.DecodeString(c.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func readClassicTranscript(t testing.TB) (all []transcriptEntry) {
	t.Helper()
	for line := range redistest.ReadTranscript(t, "testdata/classic.jsonl") {
		var c transcriptEntry
		_ = json.Unmarshal(line, &c) // args may be a list
		if c.Cmd == "PUBLISH" {
			all = append(all, c)
		}
	}
	if len(all) < 100 {
		t.Fatalf("%d captures", len(all))
	}
	return all
}

func parseNamespace(channel string) string {
	_, rest, _ := strings.Cut(channel, "#")
	namespace, _, _ := strings.Cut(rest, "#")
	return namespace
}

// TestEmitsMatchTranscript decodes the emits of all official senders, and encodes the ones of
// adapter 8 again, to the byte.
func TestEmitsMatchTranscript(t *testing.T) {
	n := 0
	for _, c := range readClassicTranscript(t) {
		if !strings.HasPrefix(c.Channel, "socket.io#/") {
			continue
		}
		namespace := parseNamespace(c.Channel)
		names := newClassicNames("socket.io", namespace, "me")
		room, ok := names.parseRoom(c.Channel)
		if !ok {
			t.Fatalf("%s: no channel", c.Channel)
		}
		op, ok, err := decodeEmit(c.decodePayload(t), room, "me", namespace)
		if err != nil || !ok {
			t.Errorf("%s: %s: %v, %v", c.Source, c.Step, ok, err)
			continue
		}
		if _, err := (sio.Packet{Type: sio.Event, Namespace: namespace, Data: op.Data}).Encode(sio.V5, true); err != nil {
			t.Errorf("%s: %s: clients can't be sent %s: %v", c.Source, c.Step, op.Data, err)
		}
		if !strings.HasPrefix(c.Source, "@socket.io/redis-adapter 8") || isLossy(c.Step) {
			continue
		}
		n++
		uid := c.decodePayload(t)[2:8]
		if _, ok, err := decodeEmit(c.decodePayload(t), room, uid, namespace); ok || err != nil {
			t.Errorf("%s: an own message is applied, %v", c.Step, err)
		}
		got, err := encodeEmit(uid, namespace, &op)
		if err != nil || string(got) != c.decodePayload(t) || names.emitChannel(&op) != c.Channel {
			t.Errorf("%s: %v, to %s, not %s\n got %x\nwant %s", c.Step, err, names.emitChannel(&op), c.Channel, got, c.Hex)
		}
	}
	if n < 10 {
		t.Errorf("only %d captures of version 8", n)
	}
}

// isLossy reports whether a step has parts that an operation has no place for: flags without
// an effect on receivers, Dates, rooms that are numbers.
func isLossy(step string) bool {
	for _, s := range []string{"timeout", "compress(true)", "Date", "numeric", "remote socket"} {
		if strings.Contains(step, s) {
			return true
		}
	}
	return false
}

// TestRequestsMatchTranscript decodes all requests, and encodes the ones of adapter 8 again.
func TestRequestsMatchTranscript(t *testing.T) {
	n := 0
	for _, c := range readClassicTranscript(t) {
		if !strings.HasPrefix(c.Channel, "socket.io-request#") {
			continue
		}
		payload := c.decodePayload(t)
		q, err := decodeRequest(payload)
		if err != nil {
			t.Errorf("%s: %s: %s: %v", c.Source, c.Step, payload, err)
			continue
		}
		if !strings.HasPrefix(c.Source, "@socket.io/redis-adapter 8") || isLossy(c.Step) {
			continue
		}
		n++
		var got []byte
		uid, id := string(q.UID), string(q.RequestID)
		switch {
		case *q.Type == typeEmitAck:
			op, broken := q.parseEmit()
			if broken != nil {
				t.Fatal(broken)
			}
			got, err = encodeClassicRequest(uid, id, parseNamespace(c.Channel), cluster.EmitAck{Emit: op}, q.Opts.Flags.Timeout)
			if len(q.whole.Attachments) == 0 {
				payload = q.whole.String() // JSON has the same content, and ends no old server
			}
		case *q.Type == typeFetchSockets:
			got, err = encodeClassicRequest(uid, id, "/", cluster.FetchSockets{Target: q.Opts.Target()}, 0)
		case *q.Type == typeAllRooms:
			got, err = encodeClassicRequest(uid, id, "/", cluster.AllRooms{}, 0)
		case *q.Type == typeServerEmit && id != "":
			got, err = encodeClassicRequest(uid, id, "/", cluster.ServerEmitAck{ServerEmit: cluster.ServerEmit{Data: sio.Data{JSON: q.Data}}}, 0)
		case *q.Type == typeServerEmit:
			got, err = encodeClassicOperation(uid, cluster.ServerEmit{Data: sio.Data{JSON: q.Data}})
		default:
			op, broken := q.parseOperation(q.Opts.Target(), q.Rooms)
			if broken != nil {
				t.Fatal(broken)
			}
			got, err = encodeClassicOperation(uid, op)
		}
		if err != nil || string(got) != payload {
			t.Errorf("%s: %v\n got %s\nwant %s", c.Step, err, got, payload)
		}
	}
	if n < 10 {
		t.Errorf("only %d captures of version 8", n)
	}
}

func TestRepliesMatchTranscript(t *testing.T) {
	queries := map[string]cluster.Request{
		"fetchSockets": cluster.FetchSockets{}, "adapter.allRooms": cluster.AllRooms{}, "serverSideEmit with ack": cluster.ServerEmitAck{},
		"broadcastWithAck": cluster.EmitAck{}, "broadcastWithAck to room": cluster.EmitAck{},
	}
	n := 0
	for _, c := range readClassicTranscript(t) {
		q := queries[c.Step]
		if q == nil || !strings.HasPrefix(c.Channel, "socket.io-response#") {
			continue
		}
		n++
		id := parseReplyID(c.decodePayload(t))
		if len(id) != 6 {
			t.Errorf("%s: id %q", c.Step, id)
		}
		reply, err := decodeClassicReply(q, c.decodePayload(t))
		if err != nil {
			t.Errorf("%s: %v", c.Step, err)
			continue
		}
		if sockets, ok := reply.(cluster.Sockets); ok {
			if s := sockets[0]; len(s.ID) != 20 || s.Handshake.Headers["upgrade"] != "websocket" || len(s.Rooms) == 0 || s.Handshake.Issued == 0 {
				t.Errorf("%s: %+v", c.Step, s)
			}
			continue
		}
		if got, err := encodeClassicReply(id, reply); err != nil || string(got) != c.decodePayload(t) {
			t.Errorf("%s: %v\n got %s\nwant %s", c.Step, err, got, c.decodePayload(t))
		}
	}
	if n < 6 {
		t.Errorf("only %d responses", n)
	}
}

// toMsgPack returns JSON as MessagePack.
func toMsgPack(t testing.TB, text string) string {
	t.Helper()
	b, err := msgpack.AppendData(nil, sio.Data{JSON: []byte(text)})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return string(b)
}

func TestDecodeEmitIsLenient(t *testing.T) {
	tests := []struct {
		message, room string
		want          cluster.Emit
	}{
		{`["x",{"data":["e"]}]`, "", cluster.Emit{}},
		{`["x",{"type":5,"data":["e"],"nsp":null},null]`, "", cluster.Emit{}},
		{`["x",{"type":2,"data":["e"],"nsp":"/","id":1},{"rooms":null,"except":null,"flags":null,"more":{}},[1]]`, "", cluster.Emit{}},
		{`["x",{"data":["e"]},{"rooms":"","except":"","flags":""}]`, "", cluster.Emit{}},
		{`["x",{"data":["e"]},{"rooms":"a","except":"b","flags":[]}]`, "", cluster.Emit{Target: rooms.Target{In: []string{"a"}, Except: []string{"b"}}}},
		{`["x",{"data":["e"]},[]]`, "", cluster.Emit{}},
		{`[null,{"data":["e"]},{"rooms":[123,1.5,-1,"a"],"except":7}]`, "", cluster.Emit{Target: rooms.Target{In: []string{"123", "1.5", "-1", "a"}, Except: []string{"7"}}}},
		{`["x",{"data":["e"]},{"rooms":[],"flags":{"volatile":true,"compress":false,"nsp":"/x"}}]`, "", cluster.Emit{Flags: cluster.Flags{Volatile: true, NoCompress: true}}},
		{`["x",{"data":["e"]},{"flags":{"volatile":1,"compress":null}}]`, "", cluster.Emit{}},
		// One copy for each room, in one of which the socket gets it.
		{`["x",{"data":["e"]},{"rooms":["a","b","c"],"except":["z"]}]`, "a", cluster.Emit{Target: rooms.Target{In: []string{"a"}, Except: []string{"z"}}}},
		{`["x",{"data":["e"]},{"rooms":["a","b","c"],"except":["z"]}]`, "c", cluster.Emit{Target: rooms.Target{In: []string{"c"}, Except: []string{"z", "a", "b"}}}},
		{`["x",{"data":["e"]},{"rooms":["a","b"]}]`, "a#b", cluster.Emit{Target: rooms.Target{In: []string{"a", "b"}}}},
		{`["x",{"data":["e"]},{"rooms":["a"]}]`, "a", cluster.Emit{Target: rooms.Target{In: []string{"a"}}}},
		{`["x",{"data":["e"]},{"rooms":[]}]`, "a", cluster.Emit{}},
	}
	for _, tt := range tests {
		got, ok, err := decodeEmit(toMsgPack(t, tt.message), tt.room, "me", "/")
		if err != nil || !ok {
			t.Errorf("%s: %v, %v", tt.message, ok, err)
			continue
		}
		if got.Data.String() != `["e"]` {
			t.Errorf("%s: data %s", tt.message, got.Data)
		}
		got.Data = sio.Data{}
		if len(got.In) == 0 {
			got.In = nil
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.message, got, tt.want)
		}
	}
}

// malformedEmits are emits that must not reach a socket.
func malformedEmits(t testing.TB) []string {
	list := []string{"", "{}", "\xc1", "not msgpack", "\x93", "\x93\xa1x", strings.Repeat("\x91", 5000) + "\xc0", "\xdd\xff\xff\xff\xff"}
	for _, text := range []string{
		`[]`, `["x"]`, `null`, `1`, `"x"`, `{}`, `["x",{"data":["e"]},{}] `, `[{"data":["e"]},{"rooms":[]}]`,
		`["x",{},{}]`, `["x",{"data":"e"},{}]`, `["x",{"data":[]},{}]`, `["x",{"data":{"0":"e"}},{}]`, `["x",{"data":[{}]},{}]`, `["x",{"data":[["e"]]},{}]`,
		`["x",{"data":[null]},{}]`, `["x",{"type":3,"data":["e"]},{}]`, `["x",{"type":0,"data":["e"]},{}]`, `["x",{"type":2.5,"data":["e"]},{}]`, `["x",{"type":"2","data":["e"]},{}]`,
		`["x",{"data":["connect"]},{}]`, `["x",{"data":["disconnect"]},{}]`, `["x",{"data":["newListener"]},{}]`,
		`["x",{"data":["e"]},{"rooms":[null]}]`, `["x",{"data":["e"]},{"rooms":[["a"]]}]`, `["x",{"data":["e"]},{"rooms":{"a":1}}]`, `["x",{"data":["e"]},{"rooms":true}]`,
		`["x",{"data":["e"]},"opts"]`, `["x",{"data":["e"]},1]`, `["x",{"data":["e"]},["a"]]`, `["x",["e"],{}]`, `["x",{"data":["e"],"nsp":{}},{}]`,
		`["x",{"data":["e",{"_placeholder":false,"num":0}]},{"rooms":[{"a":1}]}]`,
	} {
		if m := toMsgPack(t, text); !strings.HasSuffix(text, " ") {
			list = append(list, m)
		} else {
			list = append(list, m+"\x00") // bytes after the end
		}
	}
	eleven := "\x92\xa1x\x81\xa4data\x9c\xa1e" + strings.Repeat("\xc4\x01\x00", 11)
	forged := "\x92\xa1x\x81\xa4data\x92\xa1e\x82\xac_placeholder\xc3\xa3num\x00"
	return append(list, eleven, forged)
}

func TestDecodeEmitRefusesMalformed(t *testing.T) {
	for _, m := range malformedEmits(t) {
		op, ok, err := decodeEmit(m, "", "me", "/")
		if ok || !errors.Is(err, messages.ErrMalformed) {
			t.Errorf("%.60q: %v, %v, %+v", m, ok, err, op)
		}
	}
	for _, text := range []string{`["x",{"data":["e"],"nsp":"/chat"},{}]`, `["x",{"data":["e"],"nsp":"chat"},{}]`, `["me",{"data":["e"]},{}]`, `["me",1,2]`} {
		if _, ok, err := decodeEmit(toMsgPack(t, text), "", "me", "/"); ok || err != nil {
			t.Errorf("%s: %v, %v", text, ok, err)
		}
	}
}

func TestEncodeEmitRefusesMalformed(t *testing.T) {
	for _, text := range []string{``, `{}`, `[]`, `"e"`, `[{}]`, `[null]`, `[`, `["e"`, `["e"]]`, `["e",{"_placeholder":true,"num":0}]`} {
		if _, err := encodeEmit("me", "/", &cluster.Emit{Data: sio.Data{JSON: []byte(text)}}); err == nil {
			t.Errorf("%s can be emitted", text)
		}
		if _, err := encodeClassicOperation("me", cluster.ServerEmit{Data: sio.Data{JSON: []byte(text)}}); err == nil {
			t.Errorf("%s can be emitted to servers", text)
		}
	}
}

func TestServerEmitHasBuffersOfNodejs(t *testing.T) {
	d := sio.Data{JSON: []byte(`["e",{"_placeholder":true,"num":0},"<&>"]`), Attachments: [][]byte{{1, 2}}}
	got, err := encodeClassicOperation("me", cluster.ServerEmit{Data: d})
	if want := `{"uid":"me","type":6,"data":["e",{"type":"Buffer","data":[1,2]},"<&>"]}`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

func TestSocketsReplyIsComplete(t *testing.T) {
	got, err := encodeClassicReply("id", cluster.Sockets{{ID: "a"}})
	want := `{"requestId":"id","sockets":[{"id":"a","handshake":{"headers":{},"time":"","address":"","xdomain":false,"secure":false,` +
		`"issued":0,"url":"","query":{},"auth":{}},"rooms":[],"data":{}}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestChannelNamesEscapePattern(t *testing.T) {
	n := newClassicNames("socket.io", `/a[b]*?\`, "uid")
	want := channelNames{
		emits: `socket.io#/a[b]*?\#`, pattern: `socket.io#/a\[b\]\*\?\\#*`, requests: `socket.io-request#/a[b]*?\#`,
		replies: `socket.io-response#/a[b]*?\#`, ownReplies: `socket.io-response#/a[b]*?\#uid#`,
	}
	if n != want {
		t.Errorf("%+v", n)
	}
	n = newClassicNames("k", "/", "uid")
	for channel, want := range map[string]string{"k#/#": "", "k#/#r#": "r", "k#/#a#b/é#": "a#b/é", "k#/##": ""} {
		if room, ok := n.parseRoom(channel); !ok || room != want {
			t.Errorf("%s: %q, %v", channel, room, ok)
		}
	}
	for _, channel := range []string{"k#/#r", "k#/", "other"} {
		if room, ok := n.parseRoom(channel); ok {
			t.Errorf("%s: %q", channel, room)
		}
	}
}
