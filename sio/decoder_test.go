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

// textOf and bytesOf are a client's messages.
func textOf(s string) eio.Packet { return eio.Packet{Type: eio.TypeMessage, Data: []byte(s)} }

func bytesOf(s string) eio.Packet {
	return eio.Packet{Type: eio.TypeMessage, Binary: true, Data: []byte(s)}
}

// data is a value with its attachments.
func data(json string, attachments ...string) Data {
	d := Data{JSON: []byte(json)}
	for _, a := range attachments {
		d.Attachments = append(d.Attachments, []byte(a))
	}
	return d
}

// sameData compares texts and attachments byte by byte.
func sameData(a, b Data) bool {
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

func samePacket(a, b Packet) bool {
	dataA, dataB := a.Data, b.Data
	a.Data, b.Data = Data{}, Data{}
	return fmt.Sprint(a) == fmt.Sprint(b) && sameData(dataA, dataB)
}

// decode gives a text and its attachments to a decoder, of which only the last
// may complete a packet.
func decode(d *Decoder, text string, attachments ...string) (p Packet, err error) {
	messages := []eio.Packet{textOf(text)}
	for _, a := range attachments {
		messages = append(messages, bytesOf(a))
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
	hole0 = `{"_placeholder":true,"num":0}`
	hole1 = `{"_placeholder":true,"num":1}`
)

func root(t Type, json string, attachments ...string) Packet {
	return Packet{Type: t, Namespace: "/", Data: data(json, attachments...)}
}

func withID(p Packet, id uint64) Packet {
	p.ID, p.HasID = id, true
	return p
}

func in(p Packet, namespace, query string) Packet {
	p.Namespace, p.Query = namespace, query
	return p
}

var decodeTests = []struct {
	name        string
	version     Version // 0: the same in both
	text        string
	attachments []string
	want        Packet
}{
	{name: "connect", text: `0`, want: root(Connect, ``)},
	{name: "connect with auth", text: `0{"token":"a1"}`, want: root(Connect, `{"token":"a1"}`)},
	{name: "connect root by comma", text: `0/,`, want: root(Connect, ``)},
	{name: "connect namespace", text: `0/chat,{"room":"r"}`, want: in(root(Connect, `{"room":"r"}`), "/chat", "")},
	{name: "connect namespace without auth", text: `0/chat,`, want: in(root(Connect, ``), "/chat", "")},
	{name: "connect namespace without comma", text: `0/chat`, want: in(root(Connect, ``), "/chat", "")},
	{name: "connect with digits", text: `0/chat,12`, want: in(root(Connect, ``), "/chat", "")},
	{name: "trailing slash is another namespace", text: `0/chat/,`, want: in(root(Connect, ``), "/chat/", "")},
	{name: "unicode namespace", text: `0/ché//#f,`, want: in(root(Connect, ``), "/ché//#f", "")},
	{name: "V5 question mark is in the name", version: V5, text: `0/chat?x=1,`, want: in(root(Connect, ``), "/chat?x=1", "")},
	{name: "V4 query", version: V4, text: `0/chat?room=a%20b&x=1,`, want: in(root(Connect, ``), "/chat", "room=a%20b&x=1")},
	{name: "V4 query of root", version: V4, text: `0/?x=1`, want: in(root(Connect, ``), "/", "x=1")},
	{name: "V4 query elsewhere is dropped", version: V4, text: `1/chat?x=1,`, want: in(root(Disconnect, ``), "/chat", "")},
	{name: "disconnect", text: `1`, want: root(Disconnect, ``)},
	{name: "disconnect namespace", text: `1/chat,`, want: in(root(Disconnect, ``), "/chat", "")},
	{name: "event", text: `2["echo","hi"]`, want: root(Event, `["echo","hi"]`)},
	{name: "event in namespace", text: `2/chat,["echo","inchat"]`, want: in(root(Event, `["echo","inchat"]`), "/chat", "")},
	{name: "event with id", text: `20["echo","ack?"]`, want: withID(root(Event, `["echo","ack?"]`), 0)},
	{name: "event with namespace and id", text: `2/chat,12["x"]`, want: withID(in(root(Event, `["x"]`), "/chat", ""), 12)},
	{name: "leading zeros of an id", text: `2007["x"]`, want: withID(root(Event, `["x"]`), 7)},
	{name: "largest id", text: `29007199254740991["x"]`, want: withID(root(Event, `["x"]`), 1<<53-1)},
	{name: "numeric name", text: `2[1,2]`, want: root(Event, `[1,2]`)},
	{name: "white space around", text: "2 [ \"x\" ,\t1 ]\r\n", want: root(Event, " [ \"x\" ,\t1 ]\r\n")},
	{name: "numbers as written", text: `2["x",12345678901234567890,1e400,-0]`, want: root(Event, `["x",12345678901234567890,1e400,-0]`)},
	{name: "lone surrogate", text: `2["x","\ud800"]`, want: root(Event, `["x","\ud800"]`)},
	{name: "duplicate keys", text: `2["x",{"a":1,"a":2,"__proto__":3}]`, want: root(Event, `["x",{"a":1,"a":2,"__proto__":3}]`)},
	{name: "placeholder that is false", text: `2["x",{"_placeholder":false,"num":0}]`, want: root(Event, `["x",{"_placeholder":false,"num":0}]`)},
	{name: "ack", text: `30["ack?"]`, want: withID(root(Ack, `["ack?"]`), 0)},
	{name: "ack in namespace", text: `3/chat,12[]`, want: withID(in(root(Ack, `[]`), "/chat", ""), 12)},
	{name: "ack without payload", text: `312`, want: withID(root(Ack, `[]`), 12)},
	{name: "ack without id", text: `3[]`, want: root(Ack, `[]`)},
	{name: "binary event", text: `52-["bin",` + hole0 + `,{"a":` + hole1 + `}]`, attachments: []string{"\x01\x02\x03", "\x04"},
		want: root(Event, `["bin",`+hole0+`,{"a":`+hole1+`}]`, "\x01\x02\x03", "\x04")},
	{name: "binary event with namespace and id", text: `51-/chat,7["x",` + hole0 + `]`, attachments: []string{""},
		want: withID(in(root(Event, `["x",`+hole0+`]`, ""), "/chat", ""), 7)},
	{name: "binary ack", text: `61-12[` + hole0 + `,"t"]`, attachments: []string{"b"}, want: withID(root(Ack, `[`+hole0+`,"t"]`, "b"), 12)},
	{name: "placeholders in another order", text: `52-["x",` + hole1 + `,` + hole0 + `]`, attachments: []string{"a", "b"},
		want: root(Event, `["x",`+hole1+`,`+hole0+`]`, "a", "b")},
	{name: "placeholder with its keys turned round and more", text: `51-["x",{"num":0,"z":{},"_placeholder":true}]`, attachments: []string{"a"},
		want: root(Event, `["x",{"num":0,"z":{},"_placeholder":true}]`, "a")},
	{name: "attachment that is not named", text: `52-["x",` + hole1 + `]`, attachments: []string{"a", "b"}, want: root(Event, `["x",`+hole0+`]`, "b")},
	{name: "no attachment named", text: `51-["x"]`, attachments: []string{"a"}, want: root(Event, `["x"]`)},
	{name: "V4 no attachments", version: V4, text: `50-["x"]`, want: root(Event, `["x"]`)},
	{name: "V4 ack with no attachments", version: V4, text: `60-1["x"]`, want: withID(root(Ack, `["x"]`), 1)},
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, test := range decodeTests {
		for _, v := range []Version{V4, V5} {
			if test.version != 0 && test.version != v {
				continue
			}
			t.Run(fmt.Sprintf("%s/V%d", test.name, v), func(t *testing.T) {
				got, err := decode(&Decoder{Version: v}, test.text, test.attachments...)
				if err != nil || !samePacket(got, test.want) {
					t.Errorf("decode %q:\n got %+v %v\nwant %+v", test.text, got, err, test.want)
				}
			})
		}
	}
}

func many(s string) string { return strings.Repeat(s, 1_000_000) }

// refused are texts that neither version admits.
var refused = map[string]string{
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
	"connect placeholder":          `0` + hole0,
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
	"event placeholder name":       `51-[` + hole0 + `]`,
	"event string":                 `2"x"`,
	"event negative id":            `2-1["x"]`,
	"event fractional id":          `21.5["x"]`,
	"event letters":                `2abc["x"]`,
	"event id past 2^53":           `29007199254740992["x"]`,
	"event id of a megabyte":       `2` + many("1"),
	"event namespace megabyte":     `2/` + many("a"),
	"event name megabyte":          `2["` + many("a") + `"]`,
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
	"deep arrays":                  `2["x",` + many("["),
	"deep objects":                 `2["x",` + many(`{"a":`),
	"depth 129":                    `2["x",` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `]`,
	"ack object":                   `30{"a":1}`,
	"ack null":                     `30null`,
	"placeholder without binary":   `2["x",` + hole0 + `]`,
	"deep placeholder":             `2["x",{"a":[1,{"b":` + hole0 + `}]}]`,
	"placeholder in escapes":       `2["x",{"\u005fpl\u0061ceholder":true,"n\u0075m":0}]`,
	"placeholder in an ack":        `31[` + hole0 + `]`,
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
	"count of a megabyte":          `5` + many("1"),
	"binary connect error":         `41-{}`,
	"num missing":                  `51-["x",{"_placeholder":true}]`,
	"num twice in one":             `51-["x",{"_placeholder":true,"num":1,"num":0}]`,
	"placeholder undone":           `51-["x",{"_placeholder":true,"num":0,"_placeholder":false}]`,
	"placeholder done late":        `51-["x",{"_placeholder":false,"num":0,"_placeholder":true}]`,
	"attachment used twice":        `52-["x",` + hole1 + `,` + hole0 + `,` + hole1 + `]`,
	"placeholder in a placeholder": `52-["x",{"_placeholder":true,"num":0,"a":` + hole1 + `}]`,
}

// refusedNums are values of "num" that are not the number of the one
// attachment there is.
var refusedNums = []string{
	`1`, `10`, `-1`, `0.5`, `0.0`, `0e0`, `00`, `"0"`, `"splice"`, `null`, `true`, `[0]`, `{}`, `18446744073709551616`,
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	texts := maps.Clone(refused)
	for _, num := range refusedNums {
		texts["num "+num] = `51-["x",{"_placeholder":true,"num":` + num + `}]`
	}
	for name, text := range texts {
		for _, v := range []Version{V4, V5} {
			t.Run(fmt.Sprintf("%s/V%d", name, v), func(t *testing.T) {
				t.Parallel()
				d := Decoder{Version: v}
				p, complete, err := d.Add(textOf(text))
				if !errors.Is(err, ErrPacket) || complete || d.Pending() {
					t.Errorf("got %+v %v %v, pending %v; want ErrPacket", p, complete, err, d.Pending())
				}
			})
		}
	}
	t.Run("V5 no attachments", func(t *testing.T) {
		if _, err := decode(&Decoder{}, `50-["x"]`); !errors.Is(err, ErrPacket) {
			t.Errorf("got %v, want ErrPacket", err)
		}
	})
}

func TestDecodeSequences(t *testing.T) {
	t.Parallel()
	header := textOf(`52-["x",` + hole0 + `,` + hole1 + `]`)
	ping := eio.Packet{Type: eio.TypePing}
	tests := map[string][]eio.Packet{
		"binary without an event":  {bytesOf("a")},
		"text among attachments":   {header, bytesOf("a"), textOf(`2["y"]`)},
		"another event meanwhile":  {header, textOf(`51-/b,["y",` + hole0 + `]`)},
		"one attachment too many":  {header, bytesOf("a"), bytesOf("b"), bytesOf("c")},
		"not a message":            {ping},
		"binary after a bad event": {header, textOf(`2{}`), bytesOf("a")},
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

func TestDecoderGoesOn(t *testing.T) {
	t.Parallel()
	var d Decoder
	for range 3 {
		if p, err := decode(&d, `51-/chat,["x",`+hole0+`]`, "a"); err != nil || p.Namespace != "/chat" || len(p.Data.Attachments) != 1 {
			t.Fatalf("binary: %+v %v", p, err)
		}
		if p, err := decode(&d, `2["y"]`); err != nil || p.Namespace != "/" || p.Data.Attachments != nil {
			t.Fatalf("text: %+v %v", p, err)
		}
		if _, _, err := d.Add(textOf(`2{`)); err == nil {
			t.Fatal("no error")
		}
	}
}

func TestDecoderCopies(t *testing.T) {
	t.Parallel()
	var d Decoder
	messages := []eio.Packet{textOf(`51-/chat,["x",` + hole0 + `]`), bytesOf("abc")}
	var p Packet
	for _, m := range messages {
		p, _, _ = d.Add(m)
		for i := range m.Data {
			m.Data[i] = '!'
		}
	}
	if !samePacket(p, Packet{Type: Event, Namespace: "/chat", Data: data(`["x",`+hole0+`]`, "abc")}) {
		t.Errorf("packet changed with its buffer: %+v", p)
	}
}

func TestDecoderAllow(t *testing.T) {
	t.Parallel()
	var asked []string
	d := Decoder{Allow: func(namespace string) bool {
		asked = append(asked, namespace)
		return namespace == "/in"
	}}
	if _, err := decode(&d, `2/out,["x"]`); err != nil {
		t.Errorf("text: %v", err)
	}
	if _, err := decode(&d, `51-/in,["x",`+hole0+`]`, "a"); err != nil {
		t.Errorf("binary for a joined namespace: %v", err)
	}
	if _, _, err := d.Add(textOf(`51-["x",` + hole0 + `]`)); !errors.Is(err, ErrPacket) || d.Pending() {
		t.Errorf("binary for another one: %v, pending %v", err, d.Pending())
	}
	if fmt.Sprint(asked) != "[/in /]" {
		t.Errorf("asked for %v", asked)
	}
}

func TestDecoderLimits(t *testing.T) {
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
		_, err := decode(&Decoder{Limits: limits}, test.text, test.attachments...)
		if test.fails != errors.Is(err, ErrPacket) {
			t.Errorf("%s: got %v, want an error: %v", test.text, err, test.fails)
		}
	}
	if _, err := decode(&Decoder{}, `511-["x"]`); !errors.Is(err, ErrAttachments) {
		t.Errorf("11 attachments: %v, want ErrAttachments", err)
	}
	if _, err := decode(&Decoder{Limits: Limits{MaxDepth: 1 << 30}}, `2["x",`+strings.Repeat("[", 1<<20)); err == nil {
		t.Error("no bound to a configured depth")
	}
}
