package redisadapter

import (
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// readShardedTranscript returns the messages of servers with createShardedAdapter.
func readShardedTranscript(t testing.TB) (all []transcriptEntry) {
	t.Helper()
	for line := range redistest.ReadTranscript(t, "testdata/sharded.jsonl") {
		var c transcriptEntry
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if len(all) < 70 {
		t.Fatalf("%d captures", len(all))
	}
	return all
}

// newShardedCodec returns a codec of a connection that does not connect.
func newShardedCodec(t testing.TB, mode Mode, namespace, uid string) *shardedCodec {
	t.Helper()
	return newTestCodec(t, uid, namespace, inMode(mode)).(*shardedCodec)
}

// TestShardedMessagesMatchTranscript decodes the messages of Node.js servers, and encodes them
// again, to the byte and to the channel.
func TestShardedMessagesMatchTranscript(t *testing.T) {
	types := make(map[int]int)
	for _, c := range readShardedTranscript(t) {
		payload := c.decodePayload(t)
		m, err := decodeShardedMessage(payload)
		if err != nil {
			t.Errorf("%s: %s: %v", c.Source, c.Step, err)
			continue
		}
		if len(m.UID) != 16 || m.Nsp != parseNamespace(c.Channel) {
			t.Errorf("%s: uid %q, nsp %q", c.Step, m.UID, m.Nsp)
		}
		types[m.Type]++
		_, mode, _ := strings.Cut(c.Source, "8.3.0 ")
		codec := newShardedCodec(t, Mode(mode), m.Nsp, m.UID)
		if !strings.HasSuffix(payload, codec.tail) && !strings.HasSuffix(payload, codec.binaryTail) {
			t.Errorf("%s: an own message is not recognised", c.Step)
		}
		if m.Type == messages.TypeSockets { // Go sorts headers
			if s := messages.ConvertSockets(m.Sockets); len(s) != 1 || len(s[0].ID) != 20 || s[0].Handshake.Headers["host"] == "" {
				t.Errorf("%s: %+v", c.Step, s)
			}
			continue
		}
		got, err := encodeAgain(codec, m)
		if err != nil || got.payload != payload {
			t.Errorf("%s: %s: %v\n got %q\nwant %q", c.Source, c.Step, err, got.payload, payload)
		}
		if got.name != "" && got.name != c.Channel {
			t.Errorf("%s: %s: to %s, not %s", c.Source, c.Step, got.name, c.Channel)
		}
		if id := parseShardedReplyID(payload); id != string(m.RequestID) {
			t.Errorf("%s: request %q, not %q", c.Step, id, m.RequestID)
		}
	}
	for typ := messages.TypeEmit; typ <= messages.TypeClientAck; typ++ {
		if types[typ] == 0 {
			t.Errorf("no message of type %d", typ)
		}
	}
}

// encodeAgain encodes a decoded message. The name is empty for requests and replies.
func encodeAgain(c *shardedCodec, m *shardedMessage) (out command, err error) {
	id := string(m.RequestID)
	switch m.Type {
	case messages.TypeEmit:
		op, err := m.parseEmit()
		if err != nil {
			return out, err
		}
		if id == "" {
			return c.encodeOperation(op)
		}
		out.payload, err = c.encodeRequest(id, cluster.EmitAck{Emit: op}, m.Opts.Flags.Timeout)
		return out, err
	case messages.TypeJoin:
		return c.encodeOperation(cluster.Join{Target: m.Opts.Target(), Rooms: m.Rooms})
	case messages.TypeLeave:
		return c.encodeOperation(cluster.Leave{Target: m.Opts.Target(), Rooms: m.Rooms})
	case messages.TypeDisconnect:
		return c.encodeOperation(cluster.Disconnect{Target: m.Opts.Target(), Close: m.Close})
	case messages.TypeFetchSockets:
		out.payload, err = c.encodeRequest(id, cluster.FetchSockets{Target: m.Opts.Target()}, 0)
	case messages.TypeServerEmit:
		op := cluster.ServerEmit{Data: m.PacketData()}
		if id == "" {
			return c.encodeOperation(op)
		}
		out.payload, err = c.encodeRequest(id, cluster.ServerEmitAck{ServerEmit: op}, 0)
	case messages.TypeServerAck:
		out.payload, err = c.encodeReply(id, cluster.ServerAck{Data: m.PacketData()})
	case messages.TypeClientCount:
		out.payload, err = c.encodeReply(id, cluster.ClientCount(*m.ClientCount))
	case messages.TypeClientAck:
		out.payload, err = c.encodeReply(id, cluster.ClientAck{Data: sio.Array(m.PacketData())})
	}
	return out, err
}

func TestShardedEmitKeepsAll(t *testing.T) {
	codec := newShardedCodec(t, Dynamic, "/é", "0123456789abcdef")
	for _, data := range []sio.Data{
		redistest.NewEvent("e"), redistest.NewEvent("e", nil, 1.5, "é\"\\\u2028<&>"), redistest.NewEvent("e", []byte{1}, map[string]any{"deep": []any{[]byte{}, []byte{2}}}),
		{JSON: []byte(`[ "e" , {"b":1,"a":2} ]`)},
		{JSON: []byte(`[7,"number as a name"]`)},
	} {
		for _, op := range []cluster.Emit{
			{Data: data},
			{Data: data, Target: rooms.Target{In: []string{"r\""}, Except: []string{"x"}}, Flags: cluster.Flags{Volatile: true, NoCompress: true}},
		} {
			payload, err := codec.encodeRequest("id", cluster.EmitAck{Emit: op}, 5)
			if err != nil {
				t.Fatal(err)
			}
			m, err := decodeShardedMessage(payload)
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.parseEmit()
			if err != nil || !redistest.EqualOperations(got, op) && marshalData(t, got.Data) != marshalData(t, op.Data) {
				t.Errorf("%v\n got %+v\nwant %+v", err, got, op)
			}
			if got.Volatile != op.Volatile || got.NoCompress != op.NoCompress || m.Opts.Flags.Timeout != 5 || m.RequestID != "id" || m.Nsp != "/é" {
				t.Errorf("%s", payload)
			}
		}
	}
}

func marshalData(t *testing.T, d sio.Data) string {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestShardedEncodeRefusesMalformed(t *testing.T) {
	codec := newShardedCodec(t, Dynamic, "/", "0123456789abcdef")
	for _, data := range []sio.Data{{}, {JSON: []byte(`"e"`)}, {JSON: []byte(`[]`)}, {JSON: []byte(`[{}]`)}, redistest.NewEvent("disconnect"), {JSON: []byte(`["e"`)}} {
		if m, err := codec.encodeOperation(cluster.Emit{Data: data}); !errors.Is(err, messages.ErrMalformed) {
			t.Errorf("%s: %v, %s", data.JSON, err, m.payload)
		}
	}
	for _, data := range []sio.Data{{}, {JSON: []byte(`"e"`)}, {JSON: []byte(`[]`)}, {JSON: []byte(`[1]`)}, redistest.NewEvent("connection")} {
		if m, err := codec.encodeOperation(cluster.ServerEmit{Data: data}); !errors.Is(err, messages.ErrMalformed) {
			t.Errorf("%s: %v, %s", data.JSON, err, m.payload)
		}
	}
}

func TestModeSelectsRoomChannels(t *testing.T) {
	id := strings.Repeat("x", 20)
	tests := []struct {
		room                         string
		Static, Dynamic, dynamicPriv bool
	}{
		{"r1", false, true, true},
		{"", false, true, true},
		{id, false, false, true},
		{id + "x", false, true, true},
		{strings.Repeat("é", 20), false, false, true},
		{strings.Repeat("é", 10), false, true, true},
		{strings.Repeat("😀", 10), false, false, true},
		{strings.Repeat("😀", 20), false, true, true},
	}
	for _, tt := range tests {
		got := []bool{Static.hasChannel(tt.room), Dynamic.hasChannel(tt.room), DynamicPrivate.hasChannel(tt.room)}
		if want := []bool{tt.Static, tt.Dynamic, tt.dynamicPriv}; !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", tt.room, got, want)
		}
	}
}

func TestShardedRepliesRoundTrip(t *testing.T) {
	codec := newShardedCodec(t, Static, "/", "0123456789abcdef")
	sockets := cluster.Sockets{{ID: "a", Rooms: []string{"a", "r"}}, {ID: "b", Rooms: []string{"r", "b"}}}
	tests := []struct {
		q     cluster.Request
		reply cluster.Reply
		want  cluster.Reply
	}{
		{cluster.AllRooms{}, sockets, cluster.Rooms{"a", "r", "b"}},
		{cluster.AllRooms{}, cluster.Sockets{}, cluster.Rooms{}},
		{cluster.FetchSockets{}, cluster.Sockets(nil), cluster.Sockets{}},
		{cluster.EmitAck{}, cluster.ClientCount(0), cluster.ClientCount(0)},
		{cluster.EmitAck{}, cluster.ClientAck{Data: redistest.NewEvent("x", "y")}, cluster.ClientAck{Data: redistest.NewEvent("x")}},
		{cluster.EmitAck{}, cluster.ClientAck{Data: sio.Array()}, cluster.ClientAck{Data: sio.Array()}},
		{cluster.ServerEmitAck{}, cluster.ServerAck{}, cluster.ServerAck{Data: sio.Data{JSON: []byte("null")}}},
	}
	for _, tt := range tests {
		payload, err := codec.encodeReply("id", tt.reply)
		if err != nil {
			t.Errorf("%T: %v", tt.reply, err)
			continue
		}
		got, err := codec.decodeReply(tt.q, rawReply{payload: payload})
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", payload, err, got, tt.want)
		}
	}
}

func FuzzShardedMessage(f *testing.F) {
	for _, c := range readShardedTranscript(f) {
		f.Add(c.decodePayload(f))
	}
	for _, m := range malformedShardedMessages {
		f.Add(m)
	}
	f.Add("{\"type\":3,\"data\":{\"packet\":{\"data\":[\"\x82\"]},\"opts\":{}}}")
	f.Fuzz(func(t *testing.T, message string) {
		parseShardedReplyID(message)
		m, err := decodeShardedMessage(message)
		if err != nil {
			if !errors.Is(err, messages.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		messages.ConvertSockets(m.Sockets)
		m.ReplyTo(cluster.AllRooms{})
		if m.Type != messages.TypeEmit {
			return
		}
		op, err := m.parseEmit()
		if short := new(shardedMessage); short.decodeShort(message) { // the long way leads to the same
			long := new(shardedMessage)
			if err := cmp.Or(long.decodeJSON(message), long.decodeData()); err != nil {
				t.Fatal(err)
			}
			if same, sameErr := long.parseEmit(); !reflect.DeepEqual(same, op) || (err == nil) != (sameErr == nil) || long.UID != m.UID || long.Nsp != m.Nsp || long.RequestID != "" {
				t.Fatalf("%+v, %v\n%+v, %v", same, sameErr, op, err)
			}
		}
		if err != nil {
			return
		}
		codec := newShardedCodec(t, Dynamic, "/", "0123456789abcdef")
		out, err := codec.encodeOperation(op)
		if err != nil {
			t.Fatalf("%s can be received and not sent: %v", op.Data.JSON, err)
		}
		if again, err := decodeShardedMessage(out.payload); err != nil {
			t.Fatalf("%q: %v", out.payload, err)
		} else if _, err := again.parseEmit(); err != nil {
			t.Fatalf("%q: %v", out.payload, err)
		}
	})
}

// malformedShardedMessages are messages that must only be counted.
var malformedShardedMessages = []string{
	``, `{`, `{}`, `null`, `[]`, `"x"`, `1`, `{"type":"3"}`, `{"type":3.5}`, `{"type":0,"nsp":"/"}`, `{"type":99,"data":{},"nsp":"/"}`,
	`{"type":3,"nsp":"/"}`, `{"type":3,"data":null,"nsp":"/"}`, `{"type":3,"data":[],"nsp":"/"}`, `{"type":3,"data":{},"nsp":"/"}`,
	`{"type":3,"data":{"opts":{}},"nsp":"/"}`, `{"type":3,"data":{"packet":{"type":2,"data":["e"]}},"nsp":"/"}`,
	`{"type":3,"data":{"packet":{"type":2,"data":["e"]},"opts":[]},"nsp":"/"}`, `{"type":3,"data":{"packet":{"type":2,"data":"e"},"opts":{}},"nsp":"/"}`,
	`{"type":3,"data":{"packet":{"type":3,"data":["e"]},"opts":{}},"nsp":"/"}`, `{"type":3,"data":{"packet":{"data":["connect"]},"opts":{}},"nsp":"/"}`,
	`{"type":3,"data":{"packet":{"data":[{}]},"opts":{}},"nsp":"/"}`, `{"type":3,"data":{"packet":"x","opts":{}},"nsp":"/"}`,
	`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"rooms":{}}},"nsp":"/"}`, `{"type":3,"data":{"packet":{"data":["e"]},"opts":{"rooms":[{}]}},"nsp":"/"}`,
	`{"type":3,"data":{"packet":{"data":["e",{"_placeholder":true,"num":0}]},"opts":{}},"nsp":"/"}`,
	`{"type":3,"data":{"requestId":"x","packet":{"data":["e"]},"opts":{}},"nsp":"/"}`,
	`{"type":66,"data":{"opts":{},"key":"k"},"nsp":"/"}`, `{"type":66,"data":{"key":"k","value":1},"nsp":"/"}`,
	`{"type":4,"data":{"rooms":["a"]},"nsp":"/"}`, `{"type":4,"data":{"opts":{},"rooms":{"a":1}},"nsp":"/"}`, `{"type":6,"data":{"close":true},"nsp":"/"}`,
	`{"type":6,"data":{"opts":"x"},"nsp":"/"}`, `{"type":6,"data":{"opts":{},"close":"yes"},"nsp":"/"}`, `{"type":7,"data":{"requestId":"x"},"uid":"u","nsp":"/"}`,
	`{"type":7,"data":{"opts":{}},"uid":"u","nsp":"/"}`, `{"type":7,"data":{"opts":{},"requestId":"x"},"nsp":"/"}`,
	`{"type":9,"data":{},"nsp":"/"}`, `{"type":9,"data":{"packet":"e"},"nsp":"/"}`, `{"type":9,"data":{"packet":[]},"nsp":"/"}`, `{"type":9,"data":{"packet":["connection"]},"nsp":"/"}`,
	`{"type":9,"data":{"packet":["e"],"requestId":"x"},"nsp":"/"}`, "{\"type\":\xff}", "\x81\xa4type", "\x81\xa4type\x03\x00", "\x93\xa1x", "\x82\xa4type\x03\xa3nsp\xa1/",
	strings.Repeat("[", 5000), `{"a":` + strings.Repeat("[", 5000), `{"type":3,"nsp":"/","data":` + strings.Repeat("[", 5000),
	"{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"e\"]},\"opts\":{}},\"uid\":\"\x13\",\"nsp\":\"/\"}",
}

func BenchmarkShardedEmit(b *testing.B) {
	codec := newShardedCodec(b, Dynamic, "/", "0123456789abcdef")
	op := cluster.Emit{Target: rooms.Target{In: []string{"room"}}, Data: redistest.NewEvent("chat message", map[string]any{"from": "somebody", "text": strings.Repeat("x", 150)})}
	m, err := codec.encodeOperation(op)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = codec.encodeOperation(op)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, _ := decodeShardedMessage(m.payload)
			_, _ = m.parseEmit()
		}
	})
}
