package sio

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// encodingTests are packets, and their bytes as the official servers write them.
var encodingTests = []struct {
	name       string
	packet     Packet
	wire4      string // a poll's payload for V4 clients (Engine.IO 3)
	wire5      string // and for V5 clients (Engine.IO 4)
	attachment bool
}{
	{"connect", Packet{Data: newData(`{"sid":"VlXdms7cchP2MRRDAAAM"}`)}, `32:40{"sid":"VlXdms7cchP2MRRDAAAM"}`, `40{"sid":"VlXdms7cchP2MRRDAAAM"}`, false},
	{"connect bare", Packet{}, `2:40`, `40`, false},
	{"connect root", Packet{Namespace: "/"}, `2:40`, `40`, false},
	{"connect namespace", Packet{Namespace: "/chat"}, `8:40/chat,`, `40/chat,`, false},
	{"connect with sid", Packet{Namespace: "/chat", Data: newData(`{"sid":"g"}`)}, `19:40/chat,{"sid":"g"}`, `40/chat,{"sid":"g"}`, false},
	{"connect with query", Packet{Namespace: "/chat", Query: "room=a%20b&x=1"}, `23:40/chat?room=a%20b&x=1,`, `40/chat,`, false},
	{"connect root with query", Packet{Query: "x=1"}, `8:40/?x=1,`, `40`, false},
	{
		"unknown namespace",
		Packet{Type: ConnectError, Namespace: "/nope", Data: newData(`{"message":"Invalid namespace"}`)},
		`39:44/nope,{"message":"Invalid namespace"}`, `44/nope,{"message":"Invalid namespace"}`, false,
	},
	{
		"unknown namespace of 2.x",
		Packet{Type: ConnectError, Namespace: "/nope", Data: newData(`"Invalid namespace"`)},
		`27:44/nope,"Invalid namespace"`, `44/nope,"Invalid namespace"`, false,
	},
	{"disconnect", Packet{Type: Disconnect}, `2:41`, `41`, false},
	{"disconnect namespace", Packet{Type: Disconnect, Namespace: "/chat"}, `8:41/chat,`, `41/chat,`, false},
	{"event", Packet{Type: Event, Data: newData(`["echo","hi"]`)}, `15:42["echo","hi"]`, `42["echo","hi"]`, false},
	{
		"event in namespace",
		Packet{Type: Event, Namespace: "/chat", Data: newData(`["echo","inchat"]`)},
		`25:42/chat,["echo","inchat"]`, `42/chat,["echo","inchat"]`, false,
	},
	{"event with id", Packet{Type: Event, HasID: true, Data: newData(`["echo","ack?"]`)}, `18:420["echo","ack?"]`, `420["echo","ack?"]`, false},
	{"event with both", Packet{Type: Event, Namespace: "/chat", ID: 12, HasID: true, Data: newData(`["x"]`)}, `15:42/chat,12["x"]`, `42/chat,12["x"]`, false},
	{"id without HasID", Packet{Type: Event, ID: 12, Data: newData(`["x"]`)}, `7:42["x"]`, `42["x"]`, false},
	{"numeric name", Packet{Type: Event, Data: newData(`[1,2]`)}, `7:42[1,2]`, `42[1,2]`, false},
	{"ack", Packet{Type: Ack, HasID: true, Data: newData(`["ack?"]`)}, `11:430["ack?"]`, `430["ack?"]`, false},
	{"ack of nothing", Packet{Type: Ack, Namespace: "/chat", ID: 12, HasID: true}, `12:43/chat,12[]`, `43/chat,12[]`, false},
	{"binary type without binary", Packet{Type: BinaryEvent, Data: newData(`["x"]`)}, `7:42["x"]`, `42["x"]`, false},
	{
		"binary event",
		Packet{Type: Event, Data: newData(`["bin",`+placeholder0+`,{"a":`+placeholder1+`}]`, "\x01\x02\x03", "\x04")},
		`77:452-["bin",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]6:b4AQID6:b4BA==`,
		`452-["bin",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]` + "\x1ebAQID\x1ebBA==", true,
	},
	{
		"binary event with both",
		Packet{Type: Event, Namespace: "/chat", ID: 7, HasID: true, Data: newData(`["x",`+placeholder0+`]`, "\x04")},
		`46:451-/chat,7["x",{"_placeholder":true,"num":0}]6:b4BA==`,
		`451-/chat,7["x",{"_placeholder":true,"num":0}]` + "\x1ebBA==", true,
	},
	{
		"binary ack",
		Packet{Type: Ack, ID: 1, HasID: true, Data: newData(`[`+placeholder0+`,"t"]`, "\x09\x08\x07")},
		`40:461-1[{"_placeholder":true,"num":0},"t"]6:b4CQgH`, `461-1[{"_placeholder":true,"num":0},"t"]` + "\x1ebCQgH", true,
	},
}

func TestEncodeMatchesOfficialBytes(t *testing.T) {
	t.Parallel()
	for _, test := range encodingTests {
		t.Run(test.name, func(t *testing.T) {
			for _, v := range []struct {
				version  Version
				encoding eio.Encoding
				want     string
			}{{V4, eio.Polling3, test.wire4}, {V5, eio.Polling4, test.wire5}} {
				m, err := test.packet.Encode(v.version, false)
				if err != nil {
					t.Fatal(err)
				}
				if got := string(m.Bytes(v.encoding)); got != v.want {
					t.Errorf("V%d: got %q, want %q", v.version, got, v.want)
				}
				if test.attachment != eio.HasBinary([]*eio.Message{m}) {
					t.Errorf("V%d: attachments: %v", v.version, !test.attachment)
				}
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]Packet{
		"namespace without slash":     {Namespace: "chat"},
		"namespace with comma":        {Namespace: "/a,b"},
		"namespace not UTF-8":         {Namespace: "/\xff"},
		"no event":                    {Type: Event},
		"no event name":               {Type: Event, Data: newData(`[]`)},
		"null event name":             {Type: Event, Data: newData(`[null]`)},
		"event object":                {Type: Event, Data: newData(`{}`)},
		"event not UTF-8":             {Type: Event, Data: newData("[\"\xff\"]")},
		"ack string":                  {Type: Ack, Data: newData(`"x"`)},
		"11 attachments":              {Type: Event, Data: newData(`["x"]`, make([]string, 11)...)},
		"attachments of a connect":    {Data: newData(placeholder0, "a")},
		"placeholder out of range":    {Type: Event, Data: newData(`["x",`+placeholder1+`]`, "a")},
		"attachment used twice":       {Type: Event, Data: newData(`["x",`+placeholder0+`,`+placeholder0+`]`, "a")},
		"attachments of invalid JSON": {Type: Event, Data: newData(`["x",`, "a")},
		"invalid JSON":                {Type: Event, Data: newData(`["x"],["y"]`)},
		"placeholder without binary":  {Type: Ack, Data: newData(`[` + placeholder0 + `]`)},
		"invalid reason":              {Type: ConnectError, Data: newData(`{`)},
		"unknown type":                {Type: 7},
	}
	for name, p := range tests {
		if m, err := p.Encode(V5, false); !errors.Is(err, ErrPacket) || m != nil {
			t.Errorf("%s: got %v, want ErrPacket", name, err)
		}
	}
	if _, err := tests["11 attachments"].Encode(V5, false); !errors.Is(err, ErrAttachments) {
		t.Errorf("got %v, want ErrAttachments", err)
	}
}

func TestEncodePassesCompress(t *testing.T) {
	t.Parallel()
	for _, compress := range []bool{false, true} {
		m, err := Packet{Type: Event, Data: newData(`["x"]`)}.Encode(V5, compress)
		if err != nil || m.Compress() != compress {
			t.Errorf("compress %v: %v", compress, err)
		}
	}
}

func TestEventSplitsNameAndArguments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		data Data
		name string
		args Data
	}{
		{newData(`["x"]`), "x", newData(`[]`)},
		{newData(`["x",1,"a"]`), "x", newData(`[1,"a"]`)},
		{newData(` [ "x" , 1 ] `), "x", newData(`[1 ] `)},
		{newData(`["\u00e9\n€"]`), "é\n€", newData(`[]`)},
		{newData(`[""]`), "", newData(`[]`)},
		{newData(`[1,2]`), "1", newData(`[2]`)},
		{newData(`[-1.5e3]`), "-1.5e3", newData(`[]`)},
		{newData(`["x",[`+placeholder0+`],`+placeholder1+`]`, "a", "b"), "x", newData(`[[`+placeholder0+`],`+placeholder1+`]`, "a", "b")},
	}
	for _, test := range tests {
		name, args, err := Packet{Type: Event, Data: test.data}.Event()
		if err != nil || name != test.name || !equalData(args, test.args) {
			t.Errorf("%s: got %q %v %v", test.data.JSON, name, args, err)
		}
	}
	for _, p := range []Packet{
		{Type: Ack, Data: newData(`["x"]`)},
		{Type: Event},
		{Type: Event, Data: newData(`[]`)},
		{Type: Event, Data: newData(`[null]`)},
		{Type: Event, Data: newData(`["x" 1]`)},
		{Type: Event, Data: newData(`["x`)},
	} {
		if name, _, err := p.Event(); !errors.Is(err, ErrPacket) {
			t.Errorf("%v %s: got %q %v, want ErrPacket", p.Type, p.Data.JSON, name, err)
		}
	}
}

func TestTypeString(t *testing.T) {
	t.Parallel()
	var names []string
	for typ := Connect; typ <= BinaryAck+1; typ++ {
		names = append(names, typ.String())
	}
	const want = "CONNECT DISCONNECT EVENT ACK CONNECT_ERROR BINARY_EVENT BINARY_ACK Type(7)"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s", got)
	}
}
