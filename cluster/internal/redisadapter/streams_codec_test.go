package redisadapter

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/redis/rueidis"
)

// streamsEntry is a command that Node.js sent to Redis.
type streamsEntry struct {
	Source, Step, Cmd string
	Args              []string
	Channel, Hex      string
}

// readStreamsTranscript returns the commands of one kind, of a version.
func readStreamsTranscript(t testing.TB, version, command string) (all []streamsEntry) {
	t.Helper()
	for line := range redistest.ReadTranscript(t, "testdata/streams.jsonl") {
		var c streamsEntry
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(c.Source, version) && c.Cmd == command {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		t.Fatal("nothing captured")
	}
	return all
}

// entryFields returns the fields of a captured entry.
func (c *streamsEntry) entryFields() map[string]string {
	fields := make(map[string]string)
	for i := 5; i+1 < len(c.Args); i += 2 {
		fields[c.Args[i]] = c.Args[i+1]
	}
	return fields
}

func (c *streamsEntry) decodePayload() string {
	b, _ := hex.DecodeString(c.Hex)
	return string(b)
}

func newStreamsCodec(t testing.TB, namespace, uid string) *streamsCodec {
	t.Helper()
	return newTestCodec(t, uid, namespace, inStreams).(*streamsCodec)
}

// applyingNode is a node that keeps the operations applied to it.
type applyingNode struct {
	cluster.Node
	applied []cluster.Operation
}

// addTestAdapter adds an adapter for a node.
func addTestAdapter(t testing.TB, c *streamsCodec, n cluster.Node) {
	t.Helper()
	if _, err := c.addAdapter(n); err != nil {
		t.Fatal(err)
	}
}

// newEntryDelivery returns an entry of another node as it is received.
func newEntryDelivery(id, typ, data string) delivery {
	entry := rueidis.XRangeEntry{ID: id, FieldValues: map[string]string{"type": typ, "data": data}}
	return delivery{kind: entryDelivery, payload: data, entry: entry}
}

func (n *applyingNode) Apply(op cluster.Operation) { n.applied = append(n.applied, op) }

// TestEntriesMatchTranscript decodes entries of Node.js and encodes them again.
func TestEntriesMatchTranscript(t *testing.T) {
	for _, c := range readStreamsTranscript(t, "0.3.1", "XADD") {
		f := c.entryFields()
		codec := newStreamsCodec(t, f["nsp"], "other")
		n := new(applyingNode)
		addTestAdapter(t, codec, n)
		if err := codec.handleDelivery(newEntryDelivery("1-2", f["type"], f["data"])); err != nil || len(n.applied) != 1 {
			t.Errorf("%s: %v, %d applied", c.Step, err, len(n.applied))
			continue
		}
		if c.Step == "binary" { // there is a Date in it, which is text from then on
			emit := n.applied[0].(cluster.Emit)
			if want := `["bin",{"$binary":"AQID"},{"u":{"$binary":"BAU="}},"2023-11-14T22:13:20.123Z"]`; !strings.HasPrefix(inlineBinary(emit.Data), want[:50]) {
				t.Errorf("%s: %s", c.Step, inlineBinary(emit.Data))
			}
			continue
		}
		m, err := codec.encodeOperation(n.applied[0])
		if err != nil || m.name != f["type"] || m.payload != f["data"] {
			t.Errorf("%s: %v\n got %s %s\nwant %s %s", c.Step, err, m.name, m.payload, f["type"], f["data"])
		}
	}
}

// inlineBinary returns data with its binary in place.
func inlineBinary(d sio.Data) string {
	b, err := d.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestBinaryEntryMatchesBytes checks the bytes of an entry with binary in it.
func TestBinaryEntryMatchesBytes(t *testing.T) {
	op := cluster.Emit{Target: rooms.Target{In: []string{"r"}}, Flags: cluster.Flags{Volatile: true, NoCompress: true}, Data: redistest.NewEvent("bin", []byte{1, 2, 3})}
	out, err := newStreamsCodec(t, "/", "u").encodeOperation(op)
	got := out.payload
	const want = "gqZwYWNrZXSCpHR5cGUCpGRhdGGSo2JpbsQDAQIDpG9wdHODpXJvb21zkaFypmV4Y2VwdJClZmxhZ3OCqHZvbGF0aWxlw6hjb21wcmVzc8I="
	if err != nil || got != want {
		t.Fatalf("%s, %v", got, err)
	}
	m, err := decodeEntry(messages.TypeEmit, got)
	if err != nil {
		t.Fatal(err)
	}
	m.entryID = "7-0"
	back, err := m.parseEmit()
	op.Offset, op.Except = "7-0", []string{}
	if back.Except = append([]string{}, back.Except...); err != nil || !reflect.DeepEqual(back, op) {
		t.Errorf("\n got %+v, %v\nwant %+v", back, err, op)
	}
}

// TestStreamsMessagesMatchTranscript decodes messages of Node.js and encodes them again.
func TestStreamsMessagesMatchTranscript(t *testing.T) {
	for _, c := range readStreamsTranscript(t, "0.3.1", "PUBLISH") {
		m, err := decodeMessage(c.decodePayload())
		if err != nil {
			t.Errorf("%s: %v", c.Step, err)
			continue
		}
		codec := newStreamsCodec(t, m.Nsp, m.UID)
		var got string
		switch m.Type {
		case messages.TypeFetchSockets:
			got, err = codec.encodeRequest(string(m.RequestID), cluster.FetchSockets{Target: m.Opts.Target()}, 0)
		case messages.TypeServerEmit:
			got, err = codec.encodeServerEmit(string(m.RequestID), m.PacketData())
		case messages.TypeEmit:
			op, bad := m.parseEmit()
			if bad != nil {
				t.Error(bad)
			}
			got, err = codec.encodeRequest(string(m.RequestID), cluster.EmitAck{Emit: op}, m.Opts.Flags.Timeout)
		case messages.TypeServerAck:
			got, err = codec.encodeReplyAgain(t, m, cluster.ServerEmitAck{})
		case messages.TypeClientCount, messages.TypeClientAck:
			got, err = codec.encodeReplyAgain(t, m, cluster.EmitAck{})
		case messages.TypeSockets: // the order of a map's keys is lost
			reply, bad := codec.decodeReply(cluster.FetchSockets{}, rawReply{message: &m.Message})
			s := reply.(cluster.Sockets)[0]
			if bad != nil || s.ID == "" || s.Handshake.Issued < 1e12 || s.Handshake.Headers["host"] == "" || len(s.Rooms) == 0 {
				t.Errorf("%s: %+v, %v", c.Step, reply, bad)
			}
			continue
		}
		if err != nil || got != c.decodePayload() {
			t.Errorf("%s: %v\n got %x\nwant %s", c.Step, err, got, c.Hex)
		}
	}
}

// encodeServerEmit returns a server-side emit; with an id, one that nodes acknowledge.
func (c *streamsCodec) encodeServerEmit(id string, event sio.Data) (string, error) {
	emit := cluster.ServerEmit{Data: event}
	if id == "" {
		m, err := c.encodeOperation(emit)
		return m.payload, err
	}
	return c.encodeRequest(id, cluster.ServerEmitAck{ServerEmit: emit}, 0)
}

func (c *streamsCodec) encodeReplyAgain(t *testing.T, m *streamsMessage, q cluster.Request) (string, error) {
	t.Helper()
	reply, err := c.decodeReply(q, rawReply{message: &m.Message})
	if err != nil {
		return "", err
	}
	return c.encodeReply(string(m.RequestID), reply)
}

// TestEntriesOfOlderVersionAreHarmless handles the entries of an older adapter, which sends
// requests by the stream, too: they are ignored.
func TestEntriesOfOlderVersionAreHarmless(t *testing.T) {
	for _, c := range readStreamsTranscript(t, "0.2.3", "XADD") {
		f := c.entryFields()
		codec := newStreamsCodec(t, f["nsp"], "other")
		n := new(applyingNode)
		addTestAdapter(t, codec, n)
		err := codec.handleDelivery(newEntryDelivery("1-2", f["type"], f["data"]))
		isRequest := strings.Contains(c.Step, "WithAck") || strings.Contains(c.Step, "fetch") || strings.Contains(c.Step, "serverSide") || len(f["type"]) > 1 || strings.Contains("12", f["type"])
		if err != nil || (len(n.applied) == 0) != isRequest {
			t.Errorf("%s, type %s: %v, got %+v", c.Step, f["type"], err, n.applied)
		}
	}
}

// TestLostSocketMatchesTranscript decodes a lost socket of Node.js.
func TestLostSocketMatchesTranscript(t *testing.T) {
	for _, version := range []string{"0.3.1", "0.2.3"} {
		c := readStreamsTranscript(t, version, "SET")[0]
		s, err := decodeLostSocket(c.Args[1], "/")
		if err != nil || c.Args[0] != "sio:session:"+s.PID || s.Known || s.Rooms[0] != s.ID || len(s.Rooms) != 4 || s.Data.String() != `{"user":"bob"}` {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

func TestLostSocketsRoundTrip(t *testing.T) {
	tests := []cluster.LostSocket{
		{PID: "p", ID: "i", Rooms: []string{"i", "r"}, Data: sio.Data{JSON: []byte(`{}`)}, Identity: "ada", Lost: time.UnixMilli(1_700_000_000_123), Position: "2-0"},
		{PID: "p", ID: "i", Rooms: []string{"i"}, Data: redistest.NewEvent("x", []byte{1}), Values: sio.Data{JSON: []byte(`{"jwt":{"sub":"é"}}`)}, Offset: "1-0", Lost: time.UnixMilli(1)},
	}
	for _, want := range tests {
		value, err := encodeLostSocket(want, "/chat")
		if err != nil {
			t.Fatal(err)
		}
		want.Known = true
		got, err := decodeLostSocket(value, "/chat")
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
		}
		if _, err := decodeLostSocket(value, "/"); err == nil {
			t.Error("a session of another namespace is taken")
		}
	}
	for _, bad := range []string{"", "x", "gA==", "gaNzaWShYQ==", "wA==", "kA=="} {
		if s, err := decodeLostSocket(bad, "/"); err == nil {
			t.Errorf("%q is %+v", bad, s)
		}
	}
}

func TestStreamsEncodeRefusesMalformed(t *testing.T) {
	codec := newStreamsCodec(t, "/", "u")
	for _, text := range []string{``, `{}`, `null`, `[]`, `[{}]`, `["connect"]`, `["e"`, `["e",]`, `["e",{"_placeholder":true,"num":0}]`} {
		data := sio.Data{JSON: []byte(text)}
		if m, err := codec.encodeOperation(cluster.Emit{Data: data}); err == nil && !strings.Contains(text, "_placeholder") {
			t.Errorf("emit of %s: %s", text, m.payload)
		}
		if m, err := codec.encodeOperation(cluster.ServerEmit{Data: data}); err == nil && text != `["connect"]` {
			t.Errorf("server emit of %s: %x", text, m.payload)
		}
	}
}

func TestEntryIDsCompareByNumber(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"1-0", "1-0", 0}, {"1-9", "1-10", -1}, {"2-0", "1-5", 1}, {"99-0", "100-0", -1}, {"0-0", "1-0", -1}} {
		if got := compareEntryIDs(tt.a, tt.b); got != tt.want {
			t.Errorf("%s, %s: %d", tt.a, tt.b, got)
		}
	}
	for id, want := range map[string]bool{"1-0": true, "": false, "-": false, "1": false, "1-": false, "-1": false, "a-0": false, "1-0-0": false, "+": false, "1-0 ": false, "123456789012345678901-0": false} {
		if got := isEntryID(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
	if nextEntryID("5-18446744073709551615") != "6-0" || nextEntryID("5-9") != "5-10" {
		t.Error("after")
	}
}

func FuzzDecodeStreamsMessage(f *testing.F) {
	for _, c := range readStreamsTranscript(f, "0.3.1", "PUBLISH") {
		f.Add(c.decodePayload(), 0)
	}
	for _, c := range readStreamsTranscript(f, "0.3.1", "XADD") {
		f.Add(c.entryFields()["data"], messages.TypeEmit)
	}
	f.Fuzz(func(t *testing.T, text string, typ int) {
		for _, decode := range []func() (*streamsMessage, error){
			func() (*streamsMessage, error) { return decodeMessage(text) },
			func() (*streamsMessage, error) { return decodeEntry(typ, text) },
		} {
			m, err := decode()
			if err != nil {
				continue
			}
			if op, err := m.parseEmit(); err == nil {
				if _, err := newStreamsCodec(t, "/", "u").encodeOperation(op); err != nil {
					t.Errorf("%q can't be sent on: %v", text, err)
				}
			}
			for _, q := range []cluster.Request{cluster.FetchSockets{}, cluster.AllRooms{}, cluster.EmitAck{}, cluster.ServerEmitAck{}} {
				_, _ = newStreamsCodec(t, "/", "u").decodeReply(q, rawReply{message: &m.Message})
			}
		}
		_, _ = decodeLostSocket(text, "/")
	})
}
