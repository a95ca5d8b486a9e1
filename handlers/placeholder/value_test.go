package placeholder

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// encodeValue is a value with its binary values in base64.
func encodeValue(t *testing.T, d sio.Data) string {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Errorf("%s: %v", d.JSON, err)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
}

// valueTests are arguments of a handler, and their values as JSON.
var valueTests = []struct{ name, arg, want string }{
	{"text", `hello`, `"hello"`},
	{"text that is quoted", `"[1,"`, `"[1,"`},
	{"JSON with values", `{"a":{event.args.0},"b":[{event.args.1}, {event.args.2}],"c": {event.args.7} }`, `{"a":"a\"b","b":[2.50,{"to":"lobby"}],"c":null}`},
	{
		"JSON with values of two kinds", `[{event.args.4},"{event.args.4}","x{event.args.1}",{"k{event.args.1}":{event.args.6}}]`,
		`[{"$binary":"b25l"},{"$binary":"b25l"},"x2.50",{"k2.50":true}]`,
	},
	{"JSON with a value that ends in a brace", `{"a":{"b":{event.args.0}}}`, `{"a":{"b":"a\"b"}}`},
	{"a string that begins with a placeholder", `{event.args.1} of [1,`, `"2.50 of [1,"`},
	{"braces in strings", `["\"{event.args.0}\"{", {event.args.1}]`, `["\"a\"b\"{",2.50]`},
	{"number", `1.50`, `1.50`},
	{"large number", `9007199254740993`, `9007199254740993`},
	{"null", `null`, `null`},
	{"string", `"hello"`, `"hello"`},
	{"object", `{"a": [1, true]}`, `{"a":[1,true]}`},
	{"binary", `{"$binary":"AQI="}`, `{"$binary":"AQI="}`},
	{"placeholder: string", `{event.args.0}`, `"a\"b"`},
	{"placeholder: number", `{event.args.1}`, `2.50`},
	{"placeholder: object", `{event.args.2}`, `{"to":"lobby"}`},
	{"placeholder: null", `{event.args.3}`, `null`},
	{"placeholder: binary", `{event.args.4}`, `{"$binary":"b25l"}`},
	{"placeholder: list with binary", `{event.args.5}`, `[1,{"$binary":"dHdv"}]`},
	{"placeholder: bool", `{event.args.6}`, `true`},
	{"placeholder: nothing", `{event.args.7}`, `null`},
	{
		"placeholder: all arguments", `{"all":"{event.args.*}"}`,
		`{"all":["a\"b",2.50,{"to":"lobby"},null,{"$binary":"b25l"},[1,{"$binary":"dHdv"}],true]}`,
	},
	{"placeholder of the data: number", `{socket.data.n}`, `7`},
	{"placeholder of the data: list", `{socket.data.list}`, `["a",1]`},
	{"placeholder of the data: binary", `{socket.data.raw}`, `{"$binary":"AQI="}`},
	{"placeholder of the environment", `{env.GREETING}`, `"say \"hi\""`},
	{"count", `{room.lobby.size}`, `1`},
	{"counts in JSON", `{"n":{room.{event.args.2.to}.size},"all":{namespace.size}}`, `{"n":1,"all":1}`},
	{"default: number", `{socket.data.score:0}`, `0`},
	{"default: text", `{socket.data.nick:a guest}`, `"a guest"`},
	{"default: text like a number", `{socket.data.nick:"0"}`, `"0"`},
	{"default: empty text", `{socket.data.nick:}`, `""`},
	{"default: list", `{event.args.7:[]}`, `[]`},
	{"default: object with values", `{event.args.7:{"n":"{event.args.1}"}}`, `{"n":2.50}`},
	{"default: another placeholder", `{event.args.7:{event.args.1}}`, `2.50`},
	{"default for null", `{event.args.3:x}`, `"x"`},
	{"default for a value", `{event.args.1:x}`, `2.50`},
	{"default in JSON", `{"a":{event.args.7:guest},"b":{event.args.7:{}}}`, `{"a":"guest","b":{}}`},
	{"in a text: string", `<{event.args.0}>`, `"<a\"b>"`},
	{"in a text: others", `{event.args.1} {event.args.2} {event.args.6}`, `"2.50 {\"to\":\"lobby\"} true"`},
	{"in a text: nothing", `<{event.args.3}{event.args.7}>`, `"<>"`},
	{"in a text: binary", `x{event.args.4}`, `"xb25l"`},
	{
		"in JSON", `{"from":"{socket.data.name}","at":["{event.args.1}","n={event.args.1}"],"x":1}`,
		`{"from":"ada","at":[2.50,"n=2.50"],"x":1}`,
	},
	{
		"in JSON: binary", `{"file":"{event.args.4}","more":["{event.args.5}"]}`,
		`{"file":{"$binary":"b25l"},"more":[[1,{"$binary":"dHdv"}]]}`,
	},
	{"in a key", `{"{event.args.1}":1}`, `{"2.50":1}`},
	{"escaped", `\{event.name}`, `"{event.name}"`},
	{"escaped in JSON", `{"a":"\\{event.name}"}`, `{"a":"{event.name}"}`},
	{"no placeholders", `{"a":"{x y}","b":"{}"}`, `{"a":"{x y}","b":"{}"}`},
	{"escapes stay", `"\u00e9\\\"{"`, `"\u00e9\\\"{"`},
}

func TestValueKeepsTypes(t *testing.T) {
	t.Setenv("GREETING", `say "hi"`)
	ev := newSocketEvent(t, `["a\"b",2.50,{"to":"lobby"},null,{"_placeholder":true,"num":0},[1,{"_placeholder":true,"num":1}],true]`,
		[]byte("one"), []byte("two"))
	for _, test := range valueTests {
		raw, err := ArgumentJSON(test.arg)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		v, err := NewValue(raw)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := encodeValue(t, v.For(ev)); got != test.want {
			t.Errorf("%s: got  %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestValueRefuses(t *testing.T) {
	for _, test := range []struct{ value, message string }{
		{``, "JSON"},
		{`{`, "JSON"},
		{`"{event.nothing}"`, "unknown placeholder"},
		{`{"a":["{socket.x}"]}`, "unknown placeholder"},
		{`{"$binary":"no base64"}`, "$binary"},
		{`{"_placeholder":true,"num":0}`, ""},
		{`["{event.name}",{"$binary":"AQI="}]`, "a value with placeholders can't have $binary too"},
	} {
		if _, err := NewValue(json.RawMessage(test.value)); err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: got %v, want an error with %q", test.value, err, test.message)
		}
	}
}

func TestArgsSpreadArguments(t *testing.T) {
	ev := newSocketEvent(t, `["a",{"_placeholder":true,"num":0},[2]]`, []byte("one"))
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, `[]`},
		{[]string{`1`, `x`}, `[1,"x"]`},
		{[]string{`{event.args.*}`}, `["a",{"$binary":"b25l"},[2]]`},
		{[]string{`first`, `{event.args.*}`, `{event.args.1}`}, `["first","a",{"$binary":"b25l"},[2],{"$binary":"b25l"}]`},
		{[]string{`{event.args.*} `}, `["[\"a\",{\"$binary\":\"b25l\"},[2]] "]`},
		{[]string{`{event.args.*:none}`}, `[["a",{"$binary":"b25l"},[2]]]`},
		{[]string{`["{event.args.*}"]`}, `[[["a",{"$binary":"b25l"},[2]]]]`},
	} {
		raw, err := ArgumentsJSON(test.args)
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		args, err := NewArgs(raw)
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		if got := encodeValue(t, sio.Data(args.For(ev))); got != test.want {
			t.Errorf("%q: got %s, want %s", test.args, got, test.want)
		}
	}
	if _, err := NewArgs([]json.RawMessage{[]byte(`1`), []byte(`"{event.x}"`)}); err == nil || !strings.HasPrefix(err.Error(), "argument 1: ") {
		t.Errorf("got %v, want an error about argument 1", err)
	}
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{`"{event.args.0}"`, `{"{event.name}":["x{event.args.1}"]}`, `{"$binary":"AQI="}`, `"\\{x}"`, `"\ud800{event.name}"`} {
		f.Add([]byte(s))
	}
	ev := newEvent(`["x",{"_placeholder":true,"num":0}]`, []byte{1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := NewValue(raw)
		if err != nil {
			return
		}
		for _, c := range v.slots {
			for _, name := range c.text.Keys() {
				if !strings.HasPrefix(name, "event.") {
					return // it needs a socket
				}
			}
		}
		if _, err := json.Marshal(v.For(ev)); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	})
}
