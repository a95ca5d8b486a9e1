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
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"github.com/redis/rueidis"
)

// streamsCapture is a command that Node's adapter sent to Redis.
type streamsCapture struct {
	Source, Step, Cmd string
	Args              []string
	Channel, Hex      string
}

// streamsCaptures returns what was captured of a command, of a version.
func streamsCaptures(t testing.TB, version, command string) (all []streamsCapture) {
	t.Helper()
	for line := range redistest.ReadTranscript(t, "testdata/streams.jsonl") {
		var c streamsCapture
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

// fields returns the fields of a captured entry.
func (c *streamsCapture) fields() map[string]string {
	fields := make(map[string]string)
	for i := 5; i+1 < len(c.Args); i += 2 {
		fields[c.Args[i]] = c.Args[i+1]
	}
	return fields
}

func (c *streamsCapture) payload() string {
	b, _ := hex.DecodeString(c.Hex)
	return string(b)
}

func newStreamsCodec(t testing.TB, namespace, uid string) *streamsCodec {
	t.Helper()
	return newTestCodec(t, uid, namespace, inStreams).(*streamsCodec)
}

// teller is a node that keeps what it is told.
type teller struct {
	cluster.Node
	told []cluster.Operation
}

// join adds an adapter for a node.
func join(t testing.TB, c *streamsCodec, n cluster.Node) {
	t.Helper()
	if _, err := c.addAdapter(n); err != nil {
		t.Fatal(err)
	}
}

// entryOf returns an entry of another node as it is received.
func entryOf(id, typ, data string) delivery {
	entry := rueidis.XRangeEntry{ID: id, FieldValues: map[string]string{"type": typ, "data": data}}
	return delivery{kind: entryDelivery, payload: data, entry: entry}
}

func (n *teller) Apply(op cluster.Operation) { n.told = append(n.told, op) }

// TestCapturedEntries reads entries of Node's and writes the same.
func TestCapturedEntries(t *testing.T) {
	for _, c := range streamsCaptures(t, "0.3.1", "XADD") {
		f := c.fields()
		codec := newStreamsCodec(t, f["nsp"], "other")
		n := new(teller)
		join(t, codec, n)
		if err := codec.handleDelivery(entryOf("1-2", f["type"], f["data"])); err != nil || len(n.told) != 1 {
			t.Errorf("%s: %v, %d told", c.Step, err, len(n.told))
			continue
		}
		if c.Step == "binary" { // there is a Date in it, which is text from then on
			emit := n.told[0].(cluster.Emit)
			if want := `["bin",{"$binary":"AQID"},{"u":{"$binary":"BAU="}},"2023-11-14T22:13:20.123Z"]`; !strings.HasPrefix(inlined(emit.Data), want[:50]) {
				t.Errorf("%s: %s", c.Step, inlined(emit.Data))
			}
			continue
		}
		m, err := codec.encodeOperation(n.told[0])
		if err != nil || m.name != f["type"] || m.payload != f["data"] {
			t.Errorf("%s: %v\n got %s %s\nwant %s %s", c.Step, err, m.name, m.payload, f["type"], f["data"])
		}
	}
}

// inlined returns data with its binary in place.
func inlined(d sio.Data) string {
	b, err := d.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestBinaryEntry knows the bytes of an entry with binary in it.
func TestBinaryEntry(t *testing.T) {
	op := cluster.Emit{Target: rooms.Target{In: []string{"r"}}, Flags: cluster.Flags{Volatile: true, NoCompress: true}, Data: redistest.NewEvent("bin", []byte{1, 2, 3})}
	out, err := newStreamsCodec(t, "/", "u").encodeOperation(op)
	got := out.payload
	const want = "gqZwYWNrZXSCpHR5cGUCpGRhdGGSo2JpbsQDAQIDpG9wdHODpXJvb21zkaFypmV4Y2VwdJClZmxhZ3OCqHZvbGF0aWxlw6hjb21wcmVzc8I="
	if err != nil || got != want {
		t.Fatalf("%s, %v", got, err)
	}
	m, err := decodeEntry(peer.TypeEmit, got)
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

// TestCapturedQuestions reads questions of Node's and writes the same.
func TestCapturedQuestions(t *testing.T) {
	for _, c := range streamsCaptures(t, "0.3.1", "PUBLISH") {
		m, err := decodeMessage(c.payload())
		if err != nil {
			t.Errorf("%s: %v", c.Step, err)
			continue
		}
		codec := newStreamsCodec(t, m.Nsp, m.UID)
		var got string
		switch m.Type {
		case peer.TypeFetchSockets:
			got, err = codec.encodeRequest(string(m.RequestID), cluster.FetchSockets{Target: m.Opts.Target()}, 0)
		case peer.TypeServerEmit:
			got, err = codec.serverEmitText(string(m.RequestID), m.PacketData())
		case peer.TypeEmit:
			op, bad := m.parseEmit()
			if bad != nil {
				t.Error(bad)
			}
			got, err = codec.encodeRequest(string(m.RequestID), cluster.EmitAck{Emit: op}, m.Opts.Flags.Timeout)
		case peer.TypeServerAck:
			got, err = codec.answerText(t, m, cluster.ServerEmitAck{})
		case peer.TypeClientCount, peer.TypeClientAck:
			got, err = codec.answerText(t, m, cluster.EmitAck{})
		case peer.TypeSockets: // the order of a map's keys is lost
			answer, bad := codec.decodeReply(cluster.FetchSockets{}, rawReply{message: &m.Message})
			s := answer.(cluster.Sockets)[0]
			if bad != nil || s.ID == "" || s.Handshake.Issued < 1e12 || s.Handshake.Headers["host"] == "" || len(s.Rooms) == 0 {
				t.Errorf("%s: %+v, %v", c.Step, answer, bad)
			}
			continue
		}
		if err != nil || got != c.payload() {
			t.Errorf("%s: %v\n got %x\nwant %s", c.Step, err, got, c.Hex)
		}
	}
}

// serverEmitText returns an event for servers; with an id, one to be answered.
func (c *streamsCodec) serverEmitText(id string, event sio.Data) (string, error) {
	emit := cluster.ServerEmit{Data: event}
	if id == "" {
		m, err := c.encodeOperation(emit)
		return m.payload, err
	}
	return c.encodeRequest(id, cluster.ServerEmitAck{ServerEmit: emit}, 0)
}

func (c *streamsCodec) answerText(t *testing.T, m *streamsMessage, q cluster.Request) (string, error) {
	t.Helper()
	answer, err := c.decodeReply(q, rawReply{message: &m.Message})
	if err != nil {
		return "", err
	}
	return c.encodeReply(string(m.RequestID), answer)
}

// TestOlderVersion has an older adapter say all it says by the stream: what it asks
// there is not answered, and does no harm.
func TestOlderVersion(t *testing.T) {
	for _, c := range streamsCaptures(t, "0.2.3", "XADD") {
		f := c.fields()
		codec := newStreamsCodec(t, f["nsp"], "other")
		n := new(teller)
		join(t, codec, n)
		err := codec.handleDelivery(entryOf("1-2", f["type"], f["data"]))
		ask := strings.Contains(c.Step, "WithAck") || strings.Contains(c.Step, "fetch") || strings.Contains(c.Step, "serverSide") || len(f["type"]) > 1 || strings.Contains("12", f["type"])
		if err != nil || (len(n.told) == 0) != ask {
			t.Errorf("%s, type %s: %v, told %+v", c.Step, f["type"], err, n.told)
		}
	}
}

// TestCapturedSession reads what Node's adapter keeps of a lost socket.
func TestCapturedSession(t *testing.T) {
	for _, version := range []string{"0.3.1", "0.2.3"} {
		c := streamsCaptures(t, version, "SET")[0]
		s, err := decodeLostSocket(c.Args[1], "/")
		if err != nil || c.Args[0] != "sio:session:"+s.PID || s.Known || s.Rooms[0] != s.ID || len(s.Rooms) != 4 || s.Data.String() != `{"user":"bob"}` {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

func TestSessions(t *testing.T) {
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

func TestNothingMalformedIsSent(t *testing.T) {
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

func TestIDs(t *testing.T) {
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

func FuzzDecode(f *testing.F) {
	for _, c := range streamsCaptures(f, "0.3.1", "PUBLISH") {
		f.Add(c.payload(), 0)
	}
	for _, c := range streamsCaptures(f, "0.3.1", "XADD") {
		f.Add(c.fields()["data"], peer.TypeEmit)
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
