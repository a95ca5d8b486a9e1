package sio

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestArrayRenumbersAttachments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		items []Data
		want  Data
	}{
		{"empty", nil, newData(`[]`)},
		{"plain", []Data{newData(`1`), newData(`"a"`), newData(`[ 2 ]`)}, newData(`[1,"a",[ 2 ]]`)},
		{
			"renumbered",
			[]Data{newData(placeholder0, "a"), newData(`{"x":`+placeholder1+`,"y":`+placeholder0+`}`, "b", "c")},
			newData(`[`+placeholder0+`,{"x":`+placeholder1+`,"y":{"_placeholder":true,"num":2}}]`, "a", "c", "b"),
		},
		{"unnamed attachment", []Data{newData(`1`, "a"), newData(placeholder0, "b")}, newData(`[1,`+placeholder0+`]`, "b")},
		{"no value", []Data{{}, newData(`1`)}, newData(`[null,1]`)},
		{"forged placeholder", []Data{newData(placeholder0, "a"), newData(placeholder0)}, newData(`[`+placeholder0+`,null]`, "a")},
		{"forged placeholder in escapes", []Data{newData(placeholder0, "a"), newData(`[{"\u005fplaceholder":true,"num":0}]`)}, newData(`[`+placeholder0+`,null]`, "a")},
		{"invalid JSON", []Data{newData(`],[`), newData(`1`)}, newData(`[null,1]`)},
		{"invalid UTF-8", []Data{newData("\"\xff\"")}, newData(`[null]`)},
	}
	for _, test := range tests {
		if got := Array(test.items...); !equalData(got, test.want) {
			t.Errorf("%s: got %s %q", test.name, got.JSON, got.Attachments)
		}
	}
}

func TestEventDataQuotesName(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args Data
		want Data
	}{
		{"x", Data{}, newData(`["x"]`)},
		{"x", newData(`[]`), newData(`["x"]`)},
		{"x", newData(` [ ] `), newData(`["x"]`)},
		{"x", newData(`[1, 2]`), newData(`["x",1, 2]`)},
		{"x", newData(`[`+placeholder0+`]`, "a"), newData(`["x",`+placeholder0+`]`, "a")},
		{"", newData(`[null]`), newData(`["",null]`)},
		{"a\"\\\b\f\n\r\t\x01€</\u2028", Data{}, newData(`["a\"\\\b\f\n\r\t\u0001€</` + "\u2028" + `"]`)},
	}
	for _, test := range tests {
		got, err := EventData(test.name, test.args)
		if err != nil || !equalData(got, test.want) {
			t.Errorf("%q %s: got %s %v", test.name, test.args.JSON, got.JSON, err)
		}
	}
	for _, args := range []string{`1`, `{}`, `[`, `]`, `"x"`, `null`} {
		if _, err := EventData("x", newData(args)); !errors.Is(err, ErrData) {
			t.Errorf("%s: %v, want ErrData", args, err)
		}
	}
	if _, err := EventData("\xff", Data{}); !errors.Is(err, ErrData) {
		t.Errorf("name that is not UTF-8: %v, want ErrData", err)
	}
}

func TestElementsAreInOrder(t *testing.T) {
	t.Parallel()
	d := newData(` [ 1, "a" ,[`+placeholder1+`], `+placeholder0+`,{"p":`+`{"_placeholder":true,"num":2}}]`, "a", "b", "c")
	want := []Data{newData(`1`), newData(`"a"`), newData(`[`+placeholder0+`]`, "b"), newData(placeholder0, "a"), newData(`{"p":`+placeholder0+`}`, "c")}
	if got := slices.Collect(d.Elements()); !slices.EqualFunc(got, want, equalData) {
		t.Errorf("got %q", got)
	}
	if d.Len() != len(want) {
		t.Errorf("Len is %d", d.Len())
	}
	for i := range want {
		if got, ok := d.Index(i); !ok || !equalData(got, want[i]) {
			t.Errorf("Index(%d) is %s %v", i, got, ok)
		}
	}
	for _, i := range []int{-1, len(want)} {
		if got, ok := d.Index(i); ok {
			t.Errorf("Index(%d) is %s", i, got)
		}
	}
	for range d.Elements() {
		break // an early end is not an error
	}
	for _, none := range []Data{{}, newData(`{"a":1}`), newData(`"x"`), newData(placeholder0, "a")} {
		if got, ok := none.Index(0); ok || none.Len() != 0 {
			t.Errorf("%s has %d members, %s the first", none, none.Len(), got)
		}
	}
}

func TestLookupFollowsPath(t *testing.T) {
	t.Parallel()
	d := newData(`[{"a":{"b":[10,`+placeholder1+`,{"":"empty"}]},"n\u0061me":"ada","dup":1,"dup":2,"a\\b":3,"é":4},`+placeholder0+`]`, "x", "y")
	tests := []struct {
		path string
		want Data // zero: not found
	}{
		{"", newData(string(d.JSON), "x", "y")},
		{"0.a", newData(`{"b":[10,`+placeholder0+`,{"":"empty"}]}`, "y")},
		{"0.a.b.0", newData(`10`)},
		{"0.a.b.1", newData(placeholder0, "y")},
		{"0.a.b.2.", newData(`"empty"`)},
		{"0.name", newData(`"ada"`)},
		{"0.dup", newData(`2`)},
		{`0.a\b`, newData(`3`)},
		{"0.é", newData(`4`)},
		{"1", newData(placeholder0, "x")},
		{"1._placeholder", Data{}},
		{"1.num", Data{}},
		{"0.a.b.3", Data{}},
		{"0.a.b.-1", Data{}},
		{"0.a.b.+0", Data{}},
		{"0.a.b.00", Data{}},
		{"0.a.b.length", Data{}},
		{"0.a.b.99999999999999999999", Data{}},
		{"0.none", Data{}},
		{"0.name.0", Data{}},
		{"2", Data{}},
		{"x", Data{}},
	}
	for _, test := range tests {
		var path []string
		if test.path != "" {
			path = strings.Split(test.path, ".")
		}
		got, ok := d.Lookup(path...)
		if ok != (test.want.JSON != nil) || !equalData(got, test.want) {
			t.Errorf("%s: got %s %q %v", test.path, got.JSON, got.Attachments, ok)
		}
	}
	for _, invalid := range []Data{{}, newData(`[1`), newData(`{"a":1,}`), newData(placeholder0), newData(`1 2`)} {
		if got, ok := invalid.Lookup(); ok {
			t.Errorf("%s is %s", invalid.JSON, got)
		}
		if got, ok := invalid.Lookup("a"); ok {
			t.Errorf("%s has %s", invalid.JSON, got)
		}
	}
}

func TestTextAndString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		data         Data
		text, string string
		binary       bool
	}{
		{Data{}, "", "", false},
		{newData(`null`), "", "null", false},
		{newData(` "a\n\u00e9\ud83d\ude00\ud800" `), "a\né😀\ufffd", `"a\n\u00e9\ud83d\ude00\ud800"`, false},
		{newData(`12345678901234567890`), "12345678901234567890", "12345678901234567890", false},
		{newData(`true`), "true", "true", false},
		{newData(`{ "a" : [ 1 ] }`), `{"a":[1]}`, `{"a":[1]}`, false},
		{newData(placeholder0, "\xff\xfe"), "//4=", `{"$binary":"//4="}`, true},
		{newData(" "+placeholder1+"\n", "a", ""), "", `{"$binary":""}`, true},
		{newData(`[`+placeholder0+`]`, "a"), `[{"$binary":"YQ=="}]`, `[{"$binary":"YQ=="}]`, false},
		{newData(`{"a":`+placeholder0+`}`, "a"), `{"a":{"$binary":"YQ=="}}`, `{"a":{"$binary":"YQ=="}}`, false},
		{newData(`{`), "", "", false},
		{newData(placeholder0), "", "", false},
	}
	for _, test := range tests {
		if got := test.data.Text(); got != test.text {
			t.Errorf("%s: text %q", test.data.JSON, got)
		}
		if got := test.data.String(); got != test.string {
			t.Errorf("%s: string %q", test.data.JSON, got)
		}
		b, ok := test.data.Bytes()
		if ok != test.binary || ok != test.data.IsBinary() || ok && string(b) != string(test.data.Attachments[len(test.data.Attachments)-1]) {
			t.Errorf("%s: bytes %q %v", test.data.JSON, b, ok)
		}
	}
	if size := newData(`["x",`+placeholder0+`]`, "abc").Size(); size != 35+3 {
		t.Errorf("size is %d", size)
	}
}

func TestSpliceInsertsValues(t *testing.T) {
	t.Parallel()
	pieces := [][]byte{[]byte(`{"a":`), []byte(`,"b":[`), []byte(`]}`)}
	got := Splice(pieces, []Data{newData(`[`+placeholder0+`]`, "x"), newData(placeholder0, "y")})
	if want := newData(`{"a":[`+placeholder0+`],"b":[`+placeholder1+`]}`, "x", "y"); !equalData(got, want) {
		t.Errorf("got %s %q", got.JSON, got.Attachments)
	}
	got = Splice(pieces, []Data{newData(placeholder0), {}})
	if want := newData(`{"a":null,"b":[null]}`); !equalData(got, want) {
		t.Errorf("got %s %q", got.JSON, got.Attachments)
	}
}
