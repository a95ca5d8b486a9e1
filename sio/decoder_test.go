package sio

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/internal/eio"
)

// newTextMessage returns a client's text message, newBinaryMessage a binary one.
func newTextMessage(s string) eio.Packet { return eio.Packet{Type: eio.TypeMessage, Data: []byte(s)} }

func newBinaryMessage(s string) eio.Packet {
	return eio.Packet{Type: eio.TypeMessage, Binary: true, Data: []byte(s)}
}

// newData returns a value with its attachments.
func newData(json string, attachments ...string) Data {
	d := Data{JSON: []byte(json)}
	for _, a := range attachments {
		d.Attachments = append(d.Attachments, []byte(a))
	}
	return d
}

// equalData compares texts and attachments byte by byte.
func equalData(a, b Data) bool {
	if !bytes.Equal(a.JSON, b.JSON) || len(a.Attachments) != len(b.Attachments) {
		return false
	}
	for i := range a.Attachments {
		if !bytes.Equal(a.Attachments[i], b.Attachments[i]) {
			return false
		}
	}
	return true
}

func equalPackets(a, b Packet) bool {
	dataA, dataB := a.Data, b.Data
	a.Data, b.Data = Data{}, Data{}
	return fmt.Sprint(a) == fmt.Sprint(b) && equalData(dataA, dataB)
}

// decodeMessages passes a text and its attachments to a decoder. Only the last message
// may complete a packet.
func decodeMessages(d *Decoder, text string, attachments ...string) (p Packet, err error) {
	messages := []eio.Packet{newTextMessage(text)}
	for _, a := range attachments {
		messages = append(messages, newBinaryMessage(a))
	}
	for i, m := range messages {
		p, complete, err := d.Add(m)
		if err != nil {
			return p, err
		}
		if last := i == len(messages)-1; complete || last {
			if complete != last {
				return p, fmt.Errorf("complete is %v after message %d of %d", complete, i+1, len(messages))
			}
			return p, nil
		}
	}
	return p, nil
}

const (
	placeholder0 = `{"_placeholder":true,"num":0}`
	placeholder1 = `{"_placeholder":true,"num":1}`
)

func newRootPacket(t Type, json string, attachments ...string) Packet {
	return Packet{Type: t, Namespace: "/", Data: newData(json, attachments...)}
}

func withID(p Packet, id uint64) Packet {
	p.ID, p.HasID = id, true
	return p
}

func inNamespace(p Packet, namespace, query string) Packet {
	p.Namespace, p.Query = namespace, query
	return p
}

var decodeTests = []struct {
	name        string
	version     Version // 0: both
	text        string
	attachments []string
	want        Packet
}{
	{name: "connect", text: `0`, want: newRootPacket(Connect, ``)},
	{name: "connect with auth", text: `0{"token":"a1"}`, want: newRootPacket(Connect, `{"token":"a1"}`)},
	{name: "connect root by comma", text: `0/,`, want: newRootPacket(Connect, ``)},
	{name: "connect namespace", text: `0/chat,{"room":"r"}`, want: inNamespace(newRootPacket(Connect, `{"room":"r"}`), "/chat", "")},
	{name: "connect namespace without auth", text: `0/chat,`, want: inNamespace(newRootPacket(Connect, ``), "/chat", "")},
	{name: "connect namespace without comma", text: `0/chat`, want: inNamespace(newRootPacket(Connect, ``), "/chat", "")},
	{name: "connect with digits", text: `0/chat,12`, want: inNamespace(newRootPacket(Connect, ``), "/chat", "")},
	{name: "trailing slash is another namespace", text: `0/chat/,`, want: inNamespace(newRootPacket(Connect, ``), "/chat/", "")},
	{name: "unicode namespace", text: `0/ché//#f,`, want: inNamespace(newRootPacket(Connect, ``), "/ché//#f", "")},
	{name: "V5 question mark is in the name", version: V5, text: `0/chat?x=1,`, want: inNamespace(newRootPacket(Connect, ``), "/chat?x=1", "")},
	{name: "V4 query", version: V4, text: `0/chat?room=a%20b&x=1,`, want: inNamespace(newRootPacket(Connect, ``), "/chat", "room=a%20b&x=1")},
	{name: "V4 query of root", version: V4, text: `0/?x=1`, want: inNamespace(newRootPacket(Connect, ``), "/", "x=1")},
	{name: "V4 query elsewhere is dropped", version: V4, text: `1/chat?x=1,`, want: inNamespace(newRootPacket(Disconnect, ``), "/chat", "")},
	{name: "disconnect", text: `1`, want: newRootPacket(Disconnect, ``)},
	{name: "disconnect namespace", text: `1/chat,`, want: inNamespace(newRootPacket(Disconnect, ``), "/chat", "")},
	{name: "event", text: `2["echo","hi"]`, want: newRootPacket(Event, `["echo","hi"]`)},
	{name: "event in namespace", text: `2/chat,["echo","inchat"]`, want: inNamespace(newRootPacket(Event, `["echo","inchat"]`), "/chat", "")},
	{name: "event with id", text: `20["echo","ack?"]`, want: withID(newRootPacket(Event, `["echo","ack?"]`), 0)},
	{name: "event with namespace and id", text: `2/chat,12["x"]`, want: withID(inNamespace(newRootPacket(Event, `["x"]`), "/chat", ""), 12)},
	{name: "leading zeros of an id", text: `2007["x"]`, want: withID(newRootPacket(Event, `["x"]`), 7)},
	{name: "largest id", text: `29007199254740991["x"]`, want: withID(newRootPacket(Event, `["x"]`), 1<<53-1)},
	{name: "numeric name", text: `2[1,2]`, want: newRootPacket(Event, `[1,2]`)},
	{name: "white space around", text: "2 [ \"x\" ,\t1 ]\r\n", want: newRootPacket(Event, " [ \"x\" ,\t1 ]\r\n")},
	{name: "numbers as written", text: `2["x",12345678901234567890,1e400,-0]`, want: newRootPacket(Event, `["x",12345678901234567890,1e400,-0]`)},
	{name: "lone surrogate", text: `2["x","\ud800"]`, want: newRootPacket(Event, `["x","\ud800"]`)},
	{name: "duplicate keys", text: `2["x",{"a":1,"a":2,"__proto__":3}]`, want: newRootPacket(Event, `["x",{"a":1,"a":2,"__proto__":3}]`)},
	{name: "placeholder that is false", text: `2["x",{"_placeholder":false,"num":0}]`, want: newRootPacket(Event, `["x",{"_placeholder":false,"num":0}]`)},
	{name: "ack", text: `30["ack?"]`, want: withID(newRootPacket(Ack, `["ack?"]`), 0)},
	{name: "ack in namespace", text: `3/chat,12[]`, want: withID(inNamespace(newRootPacket(Ack, `[]`), "/chat", ""), 12)},
	{name: "ack without payload", text: `312`, want: withID(newRootPacket(Ack, `[]`), 12)},
	{name: "ack without id", text: `3[]`, want: newRootPacket(Ack, `[]`)},
	{
		name: "binary event", text: `52-["bin",` + placeholder0 + `,{"a":` + placeholder1 + `}]`, attachments: []string{"\x01\x02\x03", "\x04"},
		want: newRootPacket(Event, `["bin",`+placeholder0+`,{"a":`+placeholder1+`}]`, "\x01\x02\x03", "\x04"),
	},
	{
		name: "binary event with namespace and id", text: `51-/chat,7["x",` + placeholder0 + `]`, attachments: []string{""},
		want: withID(inNamespace(newRootPacket(Event, `["x",`+placeholder0+`]`, ""), "/chat", ""), 7),
	},
	{name: "binary ack", text: `61-12[` + placeholder0 + `,"t"]`, attachments: []string{"b"}, want: withID(newRootPacket(Ack, `[`+placeholder0+`,"t"]`, "b"), 12)},
	{
		name: "placeholders in another order", text: `52-["x",` + placeholder1 + `,` + placeholder0 + `]`, attachments: []string{"a", "b"},
		want: newRootPacket(Event, `["x",`+placeholder1+`,`+placeholder0+`]`, "a", "b"),
	},
	{
		name: "placeholder with its keys turned round and more", text: `51-["x",{"num":0,"z":{},"_placeholder":true}]`, attachments: []string{"a"},
		want: newRootPacket(Event, `["x",{"num":0,"z":{},"_placeholder":true}]`, "a"),
	},
	{name: "attachment that is not named", text: `52-["x",` + placeholder1 + `]`, attachments: []string{"a", "b"}, want: newRootPacket(Event, `["x",`+placeholder0+`]`, "b")},
	{name: "no attachment named", text: `51-["x"]`, attachments: []string{"a"}, want: newRootPacket(Event, `["x"]`)},
	{name: "V4 no attachments", version: V4, text: `50-["x"]`, want: newRootPacket(Event, `["x"]`)},
	{name: "V4 ack with no attachments", version: V4, text: `60-1["x"]`, want: withID(newRootPacket(Ack, `["x"]`), 1)},
}

func TestDecodePackets(t *testing.T) {
	t.Parallel()
	for _, test := range decodeTests {
		for _, v := range []Version{V4, V5} {
			if test.version != 0 && test.version != v {
				continue
			}
			t.Run(fmt.Sprintf("%s/V%d", test.name, v), func(t *testing.T) {
				got, err := decodeMessages(&Decoder{Version: v}, test.text, test.attachments...)
				if err != nil || !equalPackets(got, test.want) {
					t.Errorf("decode %q:\n got %+v %v\nwant %+v", test.text, got, err, test.want)
				}
			})
		}
	}
}

func repeatMillion(s string) string { return strings.Repeat(s, 1_000_000) }

// refusedTexts are texts that both versions reject.
var refusedTexts = map[string]string{
	"nothing":                      ``,
	"type 7":                       `7`,
	"type :":                       `:`,
	"letters":                      `abc`,
	"connect error":                `4{"message":"x"}`,
	"connect error bare":           `4`,
	"connect array":                `0[]`,
	"connect string":               `0"x"`,
	"connect null":                 `0null`,
	"connect unfinished":           `0{"a":1`,
	"connect without slash":        `0__proto__`,
	"connect placeholder":          `0` + placeholder0,
	"disconnect payload":           `1{"a":1}`,
	"disconnect null":              `1null`,
	"event without payload":        `2`,
	"event in bare namespace":      `2/chat`,
	"event object":                 `2{}`,
	"event empty":                  `2[]`,
	"event empty with space":       `2[ ]`,
	"event null name":              `2[null]`,
	"event bool name":              `2[true]`,
	"event array name":             `2[["x"]]`,
	"event object name":            `2[{"toString":"foo"}]`,
	"event placeholder name":       `51-[` + placeholder0 + `]`,
	"event string":                 `2"x"`,
	"event negative id":            `2-1["x"]`,
	"event fractional id":          `21.5["x"]`,
	"event letters":                `2abc["x"]`,
	"event id past 2^53":           `29007199254740992["x"]`,
	"event id of a megabyte":       `2` + repeatMillion("1"),
	"event namespace megabyte":     `2/` + repeatMillion("a"),
	"event name megabyte":          `2["` + repeatMillion("a") + `"]`,
	"two values":                   `2["x"]["y"]`,
	"byte order mark":              "2\ufeff[\"x\"]",
	"invalid UTF-8":                "2[\"x\xff\"]",
	"invalid UTF-8 namespace":      "0/\xc3,",
	"trailing comma":               `2["x",]`,
	"missing comma":                `2["x" 1]`,
	"missing value":                `2["x",,1]`,
	"trailing comma in object":     `2["x",{"a":1,}]`,
	"key without quotes":           `2["x",{a:1}]`,
	"missing colon":                `2["x",{"a" 1}]`,
	"control character":            "2[\"x\",\"\n\"]",
	"bad escape":                   `2["x","\x"]`,
	"short escape":                 `2["x","\u12"]`,
	"unfinished string":            `2["x`,
	"unfinished escape":            `2["x\`,
	"number with leading zero":     `2["x",01]`,
	"number without digits":        `2["x",-]`,
	"number ends in a point":       `2["x",1.]`,
	"number ends in e":             `2["x",1e+]`,
	"number with a plus":           `2["x",+1]`,
	"hexadecimal number":           `2["x",0x1]`,
	"NaN":                          `2["x",NaN]`,
	"wrong literal":                `2["x",nul]`,
	"single quotes":                `2['x']`,
	"comment":                      `2["x"]//`,
	"NUL":                          "2[\"x\"]\x00",
	"deep arrays":                  `2["x",` + repeatMillion("["),
	"deep objects":                 `2["x",` + repeatMillion(`{"a":`),
	"depth 129":                    `2["x",` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `]`,
	"ack object":                   `30{"a":1}`,
	"ack null":                     `30null`,
	"placeholder without binary":   `2["x",` + placeholder0 + `]`,
	"deep placeholder":             `2["x",{"a":[1,{"b":` + placeholder0 + `}]}]`,
	"placeholder in escapes":       `2["x",{"\u005fpl\u0061ceholder":true,"n\u0075m":0}]`,
	"placeholder in an ack":        `31[` + placeholder0 + `]`,
	"no count":                     `5-["x"]`,
	"no dash":                      `51["x"]`,
	"count alone":                  `51`,
	"count and nothing":            `51-`,
	"negative count":               `5-1-["x"]`,
	"fractional count":             `51.5-["x"]`,
	"exponent count":               `51e1-["x"]`,
	"count 11":                     `511-["x"]`,
	"count 1e9":                    `51000000000-["x"]`,
	"count 9999999999":             `59999999999-["x"]`,
	"count overflow":               `599999999999999999999999-["x"]`,
	"count of a megabyte":          `5` + repeatMillion("1"),
	"binary connect error":         `41-{}`,
	"num missing":                  `51-["x",{"_placeholder":true}]`,
	"num twice in one":             `51-["x",{"_placeholder":true,"num":1,"num":0}]`,
	"placeholder undone":           `51-["x",{"_placeholder":true,"num":0,"_placeholder":false}]`,
	"placeholder done late":        `51-["x",{"_placeholder":false,"num":0,"_placeholder":true}]`,
	"attachment used twice":        `52-["x",` + placeholder1 + `,` + placeholder0 + `,` + placeholder1 + `]`,
	"placeholder in a placeholder": `52-["x",{"_placeholder":true,"num":0,"a":` + placeholder1 + `}]`,
}

// refusedNums are values of "num" that are not the number of the only attachment.
var refusedNums = []string{
	`1`, `10`, `-1`, `0.5`, `0.0`, `0e0`, `00`, `"0"`, `"splice"`, `null`, `true`, `[0]`, `{}`, `18446744073709551616`,
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	texts := maps.Clone(refusedTexts)
	for _, num := range refusedNums {
		texts["num "+num] = `51-["x",{"_placeholder":true,"num":` + num + `}]`
	}
	for name, text := range texts {
		for _, v := range []Version{V4, V5} {
			t.Run(fmt.Sprintf("%s/V%d", name, v), func(t *testing.T) {
				t.Parallel()
				d := Decoder{Version: v}
				p, complete, err := d.Add(newTextMessage(text))
				if !errors.Is(err, ErrPacket) || complete || d.Pending() {
					t.Errorf("got %+v %v %v, pending %v; want ErrPacket", p, complete, err, d.Pending())
				}
			})
		}
	}
	t.Run("V5 no attachments", func(t *testing.T) {
		if _, err := decodeMessages(&Decoder{}, `50-["x"]`); !errors.Is(err, ErrPacket) {
			t.Errorf("got %v, want ErrPacket", err)
		}
	})
}

func TestDecodeRefusesWrongSequences(t *testing.T) {
	t.Parallel()
	header := newTextMessage(`52-["x",` + placeholder0 + `,` + placeholder1 + `]`)
	ping := eio.Packet{Type: eio.TypePing}
	tests := map[string][]eio.Packet{
		"binary without an event":  {newBinaryMessage("a")},
		"text among attachments":   {header, newBinaryMessage("a"), newTextMessage(`2["y"]`)},
		"another event meanwhile":  {header, newTextMessage(`51-/b,["y",` + placeholder0 + `]`)},
		"one attachment too many":  {header, newBinaryMessage("a"), newBinaryMessage("b"), newBinaryMessage("c")},
		"not a message":            {ping},
		"binary after a bad event": {header, newTextMessage(`2{}`), newBinaryMessage("a")},
	}
	for name, messages := range tests {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			var err error
			for _, m := range messages {
				_, _, err = d.Add(m)
			}
			if !errors.Is(err, ErrPacket) || d.Pending() {
				t.Errorf("got %v, pending %v; want ErrPacket at last", err, d.Pending())
			}
		})
	}
}

func TestDecoderRecoversAfterErrors(t *testing.T) {
	t.Parallel()
	var d Decoder
	for range 3 {
		if p, err := decodeMessages(&d, `51-/chat,["x",`+placeholder0+`]`, "a"); err != nil || p.Namespace != "/chat" || len(p.Data.Attachments) != 1 {
			t.Fatalf("binary: %+v %v", p, err)
		}
		if p, err := decodeMessages(&d, `2["y"]`); err != nil || p.Namespace != "/" || p.Data.Attachments != nil {
			t.Fatalf("text: %+v %v", p, err)
		}
		if _, _, err := d.Add(newTextMessage(`2{`)); err == nil {
			t.Fatal("no error")
		}
	}
}

func TestDecoderCopies(t *testing.T) {
	t.Parallel()
	var d Decoder
	messages := []eio.Packet{newTextMessage(`51-/chat,["x",` + placeholder0 + `]`), newBinaryMessage("abc")}
	var p Packet
	for _, m := range messages {
		p, _, _ = d.Add(m)
		for i := range m.Data {
			m.Data[i] = '!'
		}
	}
	if !equalPackets(p, Packet{Type: Event, Namespace: "/chat", Data: newData(`["x",`+placeholder0+`]`, "abc")}) {
		t.Errorf("packet changed with its buffer: %+v", p)
	}
}

func TestDecoderCallsAllowBeforeAttachments(t *testing.T) {
	t.Parallel()
	var asked []string
	d := Decoder{Allow: func(namespace string) bool {
		asked = append(asked, namespace)
		return namespace == "/in"
	}}
	if _, err := decodeMessages(&d, `2/out,["x"]`); err != nil {
		t.Errorf("text: %v", err)
	}
	if _, err := decodeMessages(&d, `51-/in,["x",`+placeholder0+`]`, "a"); err != nil {
		t.Errorf("binary for a joined namespace: %v", err)
	}
	if _, _, err := d.Add(newTextMessage(`51-["x",` + placeholder0 + `]`)); !errors.Is(err, ErrPacket) || d.Pending() {
		t.Errorf("binary for another one: %v, pending %v", err, d.Pending())
	}
	if fmt.Sprint(asked) != "[/in /]" {
		t.Errorf("asked for %v", asked)
	}
}

func TestDecoderEnforcesLimits(t *testing.T) {
	t.Parallel()
	limits := Limits{MaxAttachments: 12, MaxAttachmentBytes: 5, MaxDepth: 2, MaxNamespace: 4, MaxEvent: 4}
	tests := []struct {
		text        string
		attachments []string
		fails       bool
	}{
		{text: `512-["x"]`, attachments: make([]string, 12)},
		{text: `513-["x"]`, fails: true},
		{text: `52-["x"]`, attachments: []string{"123", "45"}},
		{text: `52-["x"]`, attachments: []string{"123", "456"}, fails: true},
		{text: `2["x",[1]]`},
		{text: `2["x",[{}]]`, fails: true},
		{text: `0/abc,`},
		{text: `0/abcd,`, fails: true},
		{text: `2["ab"]`},
		{text: `2["abc"]`, fails: true},
		{text: `2[12345]`, fails: true},
	}
	for _, test := range tests {
		_, err := decodeMessages(&Decoder{Limits: limits}, test.text, test.attachments...)
		if test.fails != errors.Is(err, ErrPacket) {
			t.Errorf("%s: got %v, want an error: %v", test.text, err, test.fails)
		}
	}
	if _, err := decodeMessages(&Decoder{}, `511-["x"]`); !errors.Is(err, ErrAttachments) {
		t.Errorf("11 attachments: %v, want ErrAttachments", err)
	}
	if _, err := decodeMessages(&Decoder{Limits: Limits{MaxDepth: 1 << 30}}, `2["x",`+strings.Repeat("[", 1<<20)); err == nil {
		t.Error("no bound to a configured depth")
	}
}
