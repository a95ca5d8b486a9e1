package lenient

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

func TestReadRoomsOfOtherLanguages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ json, want string }{
		{`null`, `<nil> <nil>`},
		{`[]`, `[] <nil>`},
		{` [ ] `, `[] <nil>`},
		{`{}`, `[] <nil>`},
		{`["a",42,"b"]`, `["a" "42" "b"] <nil>`},
		{`["a{","}"]`, `["a{" "}"] <nil>`},
		{`{"0":"a","2":"b"}`, `["a" "b"] <nil>`},
		{`{"10":"a","2":7.0}`, `["a" "7"] <nil>`},
		{`{"0":"a","02":"b"}`, `<nil> unexpected {"0":"a","02":"b"}, expected a list`},
		{`{"0":"a","-1":"b"}`, `<nil> unexpected {"0":"a","-1":"b"}, expected a list`},
		{`{"a":"b"}`, `<nil> unexpected {"a":"b"}, expected a list`},
		{`"a"`, `<nil> unexpected "a", expected a list`},
		{`7`, `<nil> unexpected 7, expected a list`},
		{`["a",true]`, `<nil> 1: unexpected true, expected the name of a room`},
		{`[null]`, `<nil> 0: unexpected null, expected the name of a room`},
		{`[["a"]]`, `<nil> 0: unexpected ["a"], expected the name of a room`},
		{`[{"_placeholder":true,"num":0},"a"]`, `<nil> 0: unexpected {"_placeholder":true,"num":0}, expected the name of a room`},
		{`{"3":false}`, `<nil> 0: unexpected false, expected the name of a room`},
		{`["r\ud83d"]`, `<nil> 0: unexpected "r\ud83d", expected a name of whole characters, without half of a surrogate pair`},
	} {
		names, err := ReadRooms([]byte(test.json))
		got := fmt.Sprintf("%q %v", names, err)
		if names == nil {
			got = fmt.Sprintf("<nil> %v", err)
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.json, got, test.want)
		}
	}
}

func TestReadFieldsReportsUnknownKeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ json, want string }{
		{`{}`, `false "" [] [] map[] [] <nil>`},
		{`[]`, `false "" [] [] map[] [] <nil>`},
		{`null`, `false "" [] [] map[] [] <nil>`},
		{`{"b":true,"s":"x\ud83d","r":[1],"l":[[],2],"o":{"k":{}},"z":1,"y":2}`, "true \"x\ufffd\" [\"1\"] [[] 2] map[k:{}] [y z] <nil>"},
		{`{"b":null,"s":null,"r":null,"l":null,"o":null}`, `false "" [] [] map[] [] <nil>`},
		{`{"l":{"1":"a","5":"b"},"o":[]}`, `false "" [] ["a" "b"] map[] [] <nil>`},
		{`{"b":1}`, `b: unexpected 1, expected true or false`},
		{`{"s":7}`, `s: unexpected 7, expected a string`},
		{`{"l":"x"}`, `l: unexpected "x", expected a list`},
		{`{"o":["x"]}`, `o: unexpected ["x"], expected an object`},
		{`{"o":{"\ud83d":1}}`, `o: unexpected "\ud83d", expected a name of whole characters, without half of a surrogate pair`},
		{`{"r":["a",{}]}`, `r.1: unexpected {}, expected the name of a room`},
		{`[1]`, `unexpected [1], expected an object`},
	} {
		var b bool
		var s string
		var r []string
		var l []sio.Data
		var o map[string]sio.Data
		unknown, err := ReadFields([]byte(test.json), Fields{"b": &b, "s": &s, "r": &r, "l": &l, "o": &o})
		got := fmt.Sprintf("%v %q %q %v %v %v %v", b, s, r, l, o, unknown, err)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.json, got, test.want)
		}
	}
}

func TestNamesErrorHasPath(t *testing.T) {
	t.Parallel()
	var into struct {
		A struct {
			To Names `json:"to"`
		} `json:"a"`
	}
	err := json.Unmarshal([]byte(`{"a":{"to":["x",true]}}`), &into)
	wrong, _ := err.(*json.UnmarshalTypeError)
	if wrong == nil || wrong.Field != "a.to.1" || wrong.Type != NamesType || wrong.Value != "unexpected true, expected the name of a room" {
		t.Errorf("got %+v, %v", wrong, err)
	}
}

func TestSnippetIsOneShortLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"  a\n\tb  ":     "a b",
		"\x1b[1m\x00x":   "[1mx",
		"0123456789":     "0123456789",
		"0123456789ab":   "0123456789…",
		"012345678é":     "012345678…",
		"\ufeffa\u200bb": "ab",
	} {
		if got := Snippet([]byte(text), 10); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
