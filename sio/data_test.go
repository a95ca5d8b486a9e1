package sio

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestArray(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		items []Data
		want  Data
	}{
		{"empty", nil, data(`[]`)},
		{"plain", []Data{data(`1`), data(`"a"`), data(`[ 2 ]`)}, data(`[1,"a",[ 2 ]]`)},
		{"renumbered", []Data{data(hole0, "a"), data(`{"x":`+hole1+`,"y":`+hole0+`}`, "b", "c")},
			data(`[`+hole0+`,{"x":`+hole1+`,"y":{"_placeholder":true,"num":2}}]`, "a", "c", "b")},
		{"unnamed attachment", []Data{data(`1`, "a"), data(hole0, "b")}, data(`[1,`+hole0+`]`, "b")},
		{"no value", []Data{{}, data(`1`)}, data(`[null,1]`)},
		{"forged placeholder", []Data{data(hole0, "a"), data(hole0)}, data(`[`+hole0+`,null]`, "a")},
		{"forged placeholder in escapes", []Data{data(hole0, "a"), data(`[{"\u005fplaceholder":true,"num":0}]`)}, data(`[`+hole0+`,null]`, "a")},
		{"invalid JSON", []Data{data(`],[`), data(`1`)}, data(`[null,1]`)},
		{"invalid UTF-8", []Data{data("\"\xff\"")}, data(`[null]`)},
	}
	for _, test := range tests {
		if got := Array(test.items...); !sameData(got, test.want) {
			t.Errorf("%s: got %s %q", test.name, got.JSON, got.Attachments)
		}
	}
}

func TestEventData(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args Data
		want Data
	}{
		{"x", Data{}, data(`["x"]`)},
		{"x", data(`[]`), data(`["x"]`)},
		{"x", data(` [ ] `), data(`["x"]`)},
		{"x", data(`[1, 2]`), data(`["x",1, 2]`)},
		{"x", data(`[`+hole0+`]`, "a"), data(`["x",`+hole0+`]`, "a")},
		{"", data(`[null]`), data(`["",null]`)},
		{"a\"\\\b\f\n\r\t\x01€</\u2028", Data{}, data(`["a\"\\\b\f\n\r\t\u0001€</` + "\u2028" + `"]`)},
	}
	for _, test := range tests {
		got, err := EventData(test.name, test.args)
		if err != nil || !sameData(got, test.want) {
			t.Errorf("%q %s: got %s %v", test.name, test.args.JSON, got.JSON, err)
		}
	}
	for _, args := range []string{`1`, `{}`, `[`, `]`, `"x"`, `null`} {
		if _, err := EventData("x", data(args)); !errors.Is(err, ErrData) {
			t.Errorf("%s: %v, want ErrData", args, err)
		}
	}
	if _, err := EventData("\xff", Data{}); !errors.Is(err, ErrData) {
		t.Errorf("name that is not UTF-8: %v, want ErrData", err)
	}
}

func TestElements(t *testing.T) {
	t.Parallel()
	d := data(` [ 1, "a" ,[`+hole1+`], `+hole0+`,{"p":`+`{"_placeholder":true,"num":2}}]`, "a", "b", "c")
	want := []Data{data(`1`), data(`"a"`), data(`[`+hole0+`]`, "b"), data(hole0, "a"), data(`{"p":`+hole0+`}`, "c")}
	if got := slices.Collect(d.Elements()); !slices.EqualFunc(got, want, sameData) {
		t.Errorf("got %q", got)
	}
	if d.Len() != len(want) {
		t.Errorf("Len is %d", d.Len())
	}
	for i := range want {
		if got, ok := d.Index(i); !ok || !sameData(got, want[i]) {
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
	for _, none := range []Data{{}, data(`{"a":1}`), data(`"x"`), data(hole0, "a")} {
		if got, ok := none.Index(0); ok || none.Len() != 0 {
			t.Errorf("%s has %d members, %s the first", none, none.Len(), got)
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	d := data(`[{"a":{"b":[10,`+hole1+`,{"":"empty"}]},"n\u0061me":"ada","dup":1,"dup":2,"a\\b":3,"é":4},`+hole0+`]`, "x", "y")
	tests := []struct {
		path string
		want Data // zero: not there
	}{
		{"", data(string(d.JSON), "x", "y")},
		{"0.a", data(`{"b":[10,`+hole0+`,{"":"empty"}]}`, "y")},
		{"0.a.b.0", data(`10`)},
		{"0.a.b.1", data(hole0, "y")},
		{"0.a.b.2.", data(`"empty"`)},
		{"0.name", data(`"ada"`)},
		{"0.dup", data(`2`)},
		{`0.a\b`, data(`3`)},
		{"0.é", data(`4`)},
		{"1", data(hole0, "x")},
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
		if ok != (test.want.JSON != nil) || !sameData(got, test.want) {
			t.Errorf("%s: got %s %q %v", test.path, got.JSON, got.Attachments, ok)
		}
	}
	for _, invalid := range []Data{{}, data(`[1`), data(`{"a":1,}`), data(hole0), data(`1 2`)} {
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
		{data(`null`), "", "null", false},
		{data(` "a\n\u00e9\ud83d\ude00\ud800" `), "a\né😀\ufffd", `"a\n\u00e9\ud83d\ude00\ud800"`, false},
		{data(`12345678901234567890`), "12345678901234567890", "12345678901234567890", false},
		{data(`true`), "true", "true", false},
		{data(`{ "a" : [ 1 ] }`), `{"a":[1]}`, `{"a":[1]}`, false},
		{data(hole0, "\xff\xfe"), "//4=", `{"$binary":"//4="}`, true},
		{data(" "+hole1+"\n", "a", ""), "", `{"$binary":""}`, true},
		{data(`[`+hole0+`]`, "a"), `[{"$binary":"YQ=="}]`, `[{"$binary":"YQ=="}]`, false},
		{data(`{"a":`+hole0+`}`, "a"), `{"a":{"$binary":"YQ=="}}`, `{"a":{"$binary":"YQ=="}}`, false},
		{data(`{`), "", "", false},
		{data(hole0), "", "", false},
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
	if size := data(`["x",`+hole0+`]`, "abc").Size(); size != 35+3 {
		t.Errorf("size is %d", size)
	}
}

func TestSplice(t *testing.T) {
	t.Parallel()
	pieces := [][]byte{[]byte(`{"a":`), []byte(`,"b":[`), []byte(`]}`)}
	got := Splice(pieces, []Data{data(`[`+hole0+`]`, "x"), data(hole0, "y")})
	if want := data(`{"a":[`+hole0+`],"b":[`+hole1+`]}`, "x", "y"); !sameData(got, want) {
		t.Errorf("got %s %q", got.JSON, got.Attachments)
	}
	got = Splice(pieces, []Data{data(hole0), {}})
	if want := data(`{"a":null,"b":[null]}`); !sameData(got, want) {
		t.Errorf("got %s %q", got.JSON, got.Attachments)
	}
}
