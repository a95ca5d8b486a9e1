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
		{`{"0":"a","02":"b"}`, `<nil> unexpected object of 18 bytes, expected a list`},
		{`{"0":"a","-1":"b"}`, `<nil> unexpected object of 18 bytes, expected a list`},
		{`{"a":"b"}`, `<nil> unexpected object of 9 bytes, expected a list`},
		{`"a"`, `<nil> unexpected string of 3 bytes, expected a list`},
		{`7`, `<nil> unexpected number of 1 bytes, expected a list`},
		{`["a",true]`, `<nil> 1: unexpected bool, expected the name of a room`},
		{`[null]`, `<nil> 0: unexpected null, expected the name of a room`},
		{`[["a"]]`, `<nil> 0: unexpected array of 5 bytes, expected the name of a room`},
		{`[{"_placeholder":true,"num":0},"a"]`, `<nil> 0: unexpected object of 29 bytes, expected the name of a room`},
		{`{"3":false}`, `<nil> 0: unexpected bool, expected the name of a room`},
		{`["r\ud83d"]`, `<nil> 0: unexpected string of 9 bytes, expected a name of whole characters, without half of a surrogate pair`},
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
		{`{"b":1}`, `b: unexpected number of 1 bytes, expected true or false`},
		{`{"s":7}`, `s: unexpected number of 1 bytes, expected a string`},
		{`{"l":"x"}`, `l: unexpected string of 3 bytes, expected a list`},
		{`{"o":["x"]}`, `o: unexpected array of 5 bytes, expected an object`},
		{`{"o":{"\ud83d":1}}`, `o: unexpected string of 8 bytes, expected a name of whole characters, without half of a surrogate pair`},
		{`{"r":["a",{}]}`, `r.1: unexpected object of 2 bytes, expected the name of a room`},
		{`[1]`, `unexpected array of 3 bytes, expected an object`},
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
	if wrong == nil || wrong.Field != "a.to.1" || wrong.Type != NamesType || wrong.Value != "unexpected bool, expected the name of a room" {
		t.Errorf("got %+v, %v", wrong, err)
	}
}

// Errors are in logs, and values may be secrets.
func TestDescribeHasNoValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		` "secret" `: "string of 8 bytes", `{"secret":1}`: "object of 12 bytes", `["secret"]`: "array of 10 bytes",
		"12345": "number of 5 bytes", "true": "bool", "false": "bool", "null": "null", " ": "nothing",
	} {
		if got := Describe([]byte(text)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
