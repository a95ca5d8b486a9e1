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

func TestMarshalExtractsBinary(t *testing.T) {
	t.Parallel()
	b := []byte("b")
	tests := []struct {
		name string
		in   any
		want Data
	}{
		{"nil", nil, newData(`null`)},
		{"string", "a<b>&\"é\"", newData(`"a<b>&\"é\""`)},
		{"number", 1.5, newData(`1.5`)},
		{"list", []any{1, "a", nil}, newData(`[1,"a",null]`)},
		{"object", map[string]any{"b": 1, "a": true}, newData(`{"a":true,"b":1}`)},
		{"bytes", b, newData(placeholder0, "b")},
		{"no bytes", []byte(nil), newData(`null`)},
		{"empty bytes", []byte{}, newData(placeholder0, "")},
		{"named bytes", blob("b"), newData(placeholder0, "b")},
		{"pointer to bytes", &b, newData(placeholder0, "b")},
		{"bytes in a list", []any{b, "x", []any{b}}, newData(`[`+placeholder0+`,"x",[`+placeholder1+`]]`, "b", "b")},
		{"bytes in an object", map[string]any{"z": []byte("1"), "a": []byte("2")}, newData(`{"a":`+placeholder0+`,"z":`+placeholder1+`}`, "2", "1")},
		{"list of bytes", [][]byte{b, nil, b}, newData(`[`+placeholder0+`,null,`+placeholder1+`]`, "b", "b")},
		{"array of numbers", [2]byte{1, 2}, newData(`[1,2]`)},
		{"no data", Data{}, newData(`null`)},
		{"data", newData(`[ 1, `+placeholder0+`]`, "a"), newData(`[ 1, `+placeholder0+`]`, "a")},
		{
			"data in a list",
			[]any{b, newData(`{"x":[`+placeholder1+`,`+placeholder0+`]}`, "0", "1"), newData(`1`), &Data{JSON: []byte(`2`)}},
			newData(`[`+placeholder0+`,{"x":[`+placeholder1+`,{"_placeholder":true,"num":2}]},1,2]`, "b", "1", "0"),
		},
		{"list of data", []Data{newData(placeholder0, "a"), {}}, newData(`[`+placeholder0+`,null]`, "a")},
		{"pointer to binary data", map[string]*Data{"a": {JSON: []byte(placeholder0), Attachments: [][]byte{b}}}, newData(`{"a":`+placeholder0+`}`, "b")},
		{"raw JSON", json.RawMessage(`{"a":1e400}`), newData(`{"a":1e400}`)},
		{"text marshaler made of bytes", net.IPv4(1, 2, 3, 4), newData(`"1.2.3.4"`)},
		{
			"struct",
			record{
				Name: "ada", embedded: embedded{Photo: b}, Raw: blob("r"), Empty: []byte{}, Omitted: []byte{}, Hidden: b, Any: b,
				List: [][]byte{b}, Map: map[string]blob{"k": blob("v")}, Fixed: [2][]byte{nil, b}, private: b,
			},
			newData(`{"name":"ada","photo":`+placeholderText(0)+`,"raw":`+placeholderText(1)+`,"empty":`+placeholderText(2)+`,"none":null,"any":`+placeholderText(3)+`,"list":[`+placeholderText(4)+
				`],"map":{"k":`+placeholderText(5)+`},"fixed":[null,`+placeholderText(6)+`]}`, "b", "r", "", "b", "b", "v", "b"),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Marshal(test.in)
			if err != nil || !equalData(got, test.want) {
				t.Errorf("got %s %q %v\nwant %s", got.JSON, got.Attachments, err, test.want.JSON)
			}
		})
	}
}

func placeholderText(num int) string { return string(appendPlaceholder(nil, num)) }

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
		"forged raw JSON":       []any{[]byte("a"), json.RawMessage(placeholder0)},
		"forged data":           newData(placeholder0),
		"forged data in a list": []any{[]byte("a"), newData(placeholder0)},
		"invalid data":          newData(`{`),
		"invalid data deeper":   []Data{newData(`[`+placeholder1+`]`, "a")},
		"too deep":              json.RawMessage(strings.Repeat("[", 1001) + strings.Repeat("]", 1001)),
	} {
		if d, err := Marshal(v); !errors.Is(err, ErrData) {
			t.Errorf("%s: got %s %v, want ErrData", name, d, err)
		}
	}
}

func TestDecodeIntoGoValues(t *testing.T) {
	t.Parallel()
	d := newData(`{"name":"ada","photo":`+placeholder1+`,"any":[1,`+placeholder0+`]}`, "a", "p")
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
	if err := d.Decode(&same); err != nil || !equalData(same, d) {
		t.Errorf("Data: %v %v", same, err)
	}
	var b []byte
	if err := newData(placeholder0, "x").Decode(&b); err != nil || string(b) != "x" {
		t.Errorf("bytes: %q %v", b, err)
	}
	var text string
	if err := newData(`"x"`).Decode(&text); err != nil || text != "x" {
		t.Errorf("string: %q %v", text, err)
	}
	var members []Data
	if err := newData(`[1,`+placeholder0+`]`, "x").Decode(&members); err != nil || len(members) != 2 || !members[1].IsBinary() {
		t.Errorf("members: %v %v", members, err)
	}
	if err := newData(`null`).Decode(&members); err != nil || members != nil {
		t.Errorf("members of null: %v %v", members, err)
	}
	for _, into := range []any{&r, &v, &same, &members, new(int)} {
		for _, invalid := range []Data{{}, newData(`{`), newData(placeholder0), newData(`[1,` + placeholder0 + `]`)} {
			if err := invalid.Decode(into); !errors.Is(err, ErrData) {
				t.Errorf("%s into %T: %v, want ErrData", invalid.JSON, into, err)
			}
		}
	}
	if err := newData(`"x"`).Decode(new(int)); !errors.Is(err, ErrData) {
		t.Errorf("string into an int: %v", err)
	}
}
