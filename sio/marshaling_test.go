package sio

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"
)

type blob []byte

type embedded struct {
	Photo []byte `json:"photo"`
}

type record struct {
	Name string `json:"name"`
	embedded
	Raw     blob            `json:"raw"`
	Empty   []byte          `json:"empty"`
	None    []byte          `json:"none"`
	Omitted []byte          `json:"omitted,omitempty"`
	Hidden  []byte          `json:"-"`
	Any     any             `json:"any"`
	List    [][]byte        `json:"list"`
	Map     map[string]blob `json:"map"`
	Fixed   [2][]byte       `json:"fixed"`
	Next    *record         `json:"next,omitempty"`
	Time    time.Time       `json:"time,omitzero"`
	private []byte
}

func TestMarshal(t *testing.T) {
	t.Parallel()
	b := []byte("b")
	tests := []struct {
		name string
		in   any
		want Data
	}{
		{"nil", nil, data(`null`)},
		{"string", "a<b>&\"é\"", data(`"a<b>&\"é\""`)},
		{"number", 1.5, data(`1.5`)},
		{"list", []any{1, "a", nil}, data(`[1,"a",null]`)},
		{"object", map[string]any{"b": 1, "a": true}, data(`{"a":true,"b":1}`)},
		{"bytes", b, data(hole0, "b")},
		{"no bytes", []byte(nil), data(`null`)},
		{"empty bytes", []byte{}, data(hole0, "")},
		{"named bytes", blob("b"), data(hole0, "b")},
		{"pointer to bytes", &b, data(hole0, "b")},
		{"bytes in a list", []any{b, "x", []any{b}}, data(`[`+hole0+`,"x",[`+hole1+`]]`, "b", "b")},
		{"bytes in an object", map[string]any{"z": []byte("1"), "a": []byte("2")}, data(`{"a":`+hole0+`,"z":`+hole1+`}`, "2", "1")},
		{"list of bytes", [][]byte{b, nil, b}, data(`[`+hole0+`,null,`+hole1+`]`, "b", "b")},
		{"array of numbers", [2]byte{1, 2}, data(`[1,2]`)},
		{"no data", Data{}, data(`null`)},
		{"data", data(`[ 1, `+hole0+`]`, "a"), data(`[ 1, `+hole0+`]`, "a")},
		{"data in a list", []any{b, data(`{"x":[`+hole1+`,`+hole0+`]}`, "0", "1"), data(`1`), &Data{JSON: []byte(`2`)}},
			data(`[`+hole0+`,{"x":[`+hole1+`,{"_placeholder":true,"num":2}]},1,2]`, "b", "1", "0")},
		{"list of data", []Data{data(hole0, "a"), {}}, data(`[`+hole0+`,null]`, "a")},
		{"pointer to binary data", map[string]*Data{"a": {JSON: []byte(hole0), Attachments: [][]byte{b}}}, data(`{"a":`+hole0+`}`, "b")},
		{"raw JSON", json.RawMessage(`{"a":1e400}`), data(`{"a":1e400}`)},
		{"text marshaler made of bytes", net.IPv4(1, 2, 3, 4), data(`"1.2.3.4"`)},
		{"struct", record{Name: "ada", embedded: embedded{Photo: b}, Raw: blob("r"), Empty: []byte{}, Omitted: []byte{}, Hidden: b, Any: b,
			List: [][]byte{b}, Map: map[string]blob{"k": blob("v")}, Fixed: [2][]byte{nil, b}, private: b},
			data(`{"name":"ada","photo":`+hole(0)+`,"raw":`+hole(1)+`,"empty":`+hole(2)+`,"none":null,"any":`+hole(3)+`,"list":[`+hole(4)+
				`],"map":{"k":`+hole(5)+`},"fixed":[null,`+hole(6)+`]}`, "b", "r", "", "b", "b", "v", "b")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Marshal(test.in)
			if err != nil || !sameData(got, test.want) {
				t.Errorf("got %s %q %v\nwant %s", got.JSON, got.Attachments, err, test.want.JSON)
			}
		})
	}
}

func hole(num int) string { return string(appendPlaceholder(nil, num)) }

func TestMarshalLeavesItsInputAlone(t *testing.T) {
	t.Parallel()
	b := []byte("before")
	in := record{Any: []any{b}, Map: map[string]blob{"k": blob("v")}, Next: &record{Raw: b}, List: [][]byte{b}}
	copied := record{Any: []any{b}, Map: map[string]blob{"k": blob("v")}, Next: &record{Raw: b}, List: [][]byte{b}}
	d, err := Marshal(in)
	if err != nil || !reflect.DeepEqual(in, copied) {
		t.Fatalf("changed: %+v %v", in, err)
	}
	copy(b, "after!")
	for _, a := range d.Attachments {
		if bytes.Equal(a, b) {
			t.Error("an attachment shares memory with the input")
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	t.Parallel()
	cycle := map[string]any{}
	cycle["self"] = cycle
	for name, v := range map[string]any{
		"cycle":                 cycle,
		"function":              func() {},
		"NaN":                   math.NaN(),
		"forged in a map":       map[string]any{"_placeholder": true, "num": 0},
		"forged beside bytes":   []any{[]byte("a"), map[string]any{"_placeholder": true, "num": 0}},
		"forged raw JSON":       []any{[]byte("a"), json.RawMessage(hole0)},
		"forged data":           data(hole0),
		"forged data in a list": []any{[]byte("a"), data(hole0)},
		"invalid data":          data(`{`),
		"invalid data deeper":   []Data{data(`[`+hole1+`]`, "a")},
		"too deep":              json.RawMessage(strings.Repeat("[", 1001) + strings.Repeat("]", 1001)),
	} {
		if d, err := Marshal(v); !errors.Is(err, ErrData) {
			t.Errorf("%s: got %s %v, want ErrData", name, d, err)
		}
	}
}

func TestDecodeInto(t *testing.T) {
	t.Parallel()
	d := data(`{"name":"ada","photo":`+hole1+`,"any":[1,`+hole0+`]}`, "a", "p")
	var r record
	if err := d.Decode(&r); err != nil || r.Name != "ada" || string(r.Photo) != "p" {
		t.Errorf("struct: %+v %v", r, err)
	}
	var v any
	want := map[string]any{"name": "ada", "photo": []byte("p"), "any": []any{1.0, []byte("a")}}
	if err := d.Decode(&v); err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("any: %v %v", v, err)
	}
	var same Data
	if err := d.Decode(&same); err != nil || !sameData(same, d) {
		t.Errorf("Data: %v %v", same, err)
	}
	var b []byte
	if err := data(hole0, "x").Decode(&b); err != nil || string(b) != "x" {
		t.Errorf("bytes: %q %v", b, err)
	}
	var text string
	if err := data(`"x"`).Decode(&text); err != nil || text != "x" {
		t.Errorf("string: %q %v", text, err)
	}
	var members []Data
	if err := data(`[1,`+hole0+`]`, "x").Decode(&members); err != nil || len(members) != 2 || !members[1].IsBinary() {
		t.Errorf("members: %v %v", members, err)
	}
	if err := data(`null`).Decode(&members); err != nil || members != nil {
		t.Errorf("members of null: %v %v", members, err)
	}
	for _, into := range []any{&r, &v, &same, &members, new(int)} {
		for _, invalid := range []Data{{}, data(`{`), data(hole0), data(`[1,` + hole0 + `]`)} {
			if err := invalid.Decode(into); !errors.Is(err, ErrData) {
				t.Errorf("%s into %T: %v, want ErrData", invalid.JSON, into, err)
			}
		}
	}
	if err := data(`"x"`).Decode(new(int)); !errors.Is(err, ErrData) {
		t.Errorf("string into an int: %v", err)
	}
}
