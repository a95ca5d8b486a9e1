package sio

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNameOfStringsAndNumbers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		json, name string
		ok         bool
	}{
		{`"lobby"`, "lobby", true},
		{` "a\n\u00e9" `, "a\né", true},
		{`""`, "", true},
		{`42`, "42", true},
		{`42.0`, "42", true},
		{`4.2e1`, "42", true},
		{`-7`, "-7", true},
		{`-0`, "0", true},
		{`-0.0`, "0", true},
		{`0.1`, "0.1", true},
		{`1e-7`, "1e-7", true},
		{`1e21`, "1e+21", true},
		{`123456789012345678901234567890`, "123456789012345678901234567890", true},
		{`9007199254740993`, "9007199254740993", true},
		{`1e400`, "1e400", true},
		{`"r😀"`, "r😀", true},
		{`"r\ud83d\ude00"`, "r😀", true},
		{`"r\ufffd"`, "r\ufffd", true},
		{`"r\\ud83d"`, `r\ud83d`, true},
		{`"r\ud83d"`, "r\ufffd", false},
		{`"r\uD83E"`, "r\ufffd", false},
		{`"\ude00r"`, "\ufffdr", false},
		{`"\ude00\ud83d"`, "\ufffd\ufffd", false},
		{`"\ud83d\ud83d\ude00"`, "\ufffd😀", false},
		{`"\ud83d\n"`, "\ufffd\n", false},
		{`true`, "", false},
		{`null`, "", false},
		{`["a"]`, "", false},
		{`{}`, "", false},
		{``, "", false},
	} {
		if name, ok := newData(test.json).Name(); name != test.name || ok != test.ok {
			t.Errorf("%s: %q, %v", test.json, name, ok)
		}
	}
}

// A key with half of a surrogate pair never equals another key.
func TestLookupOfLoneSurrogates(t *testing.T) {
	t.Parallel()
	d := newData(`{"r\ud83d":1,"r\ud83d\ude00":2}`)
	if got, ok := d.Lookup("r\ufffd"); ok {
		t.Errorf("found %s", got)
	}
	if got, _ := d.Lookup("r😀"); got.String() != "2" {
		t.Errorf("found %s", got)
	}
}

func TestQuoteKeepsTextsDistinct(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                    `""`,
		"a\"\n😀\ufffd":        "\"a\\\"\\n😀\ufffd\"",
		"\xff":                `"\udcff"`,
		"a\xed\xa0\xbdb\x01😀": `"a\udced\udca0\udcbdb\u0001😀"`,
	} {
		if got := Quote(text); string(got.JSON) != want {
			t.Errorf("%q: %s, want %s", text, got.JSON, want)
		}
	}
}

func TestMembersAreInOrder(t *testing.T) {
	t.Parallel()
	d := newData(`{"b":[1],"a":`+placeholder0+`,"\u0061":null}`, "x")
	var got strings.Builder
	for key, value := range d.Members() {
		got.WriteString(key.Text() + "=" + value.String() + ";")
	}
	if want := `b=[1];a={"$binary":"eA=="};a=null;`; got.String() != want {
		t.Errorf("got %s", got.String())
	}
	for _, other := range []string{`[1]`, `"a"`, ``, `{`} {
		for key := range newData(other).Members() {
			t.Errorf("%s has %s", other, key.JSON)
		}
	}
}

// A string that encoding/json reads without U+FFFD has no lone surrogate.
func FuzzHasLoneSurrogate(f *testing.F) {
	for _, s := range []string{`"\ud83d"`, `"\ud83d\ude00"`, `"\\ud83d"`, `["\ude00",{"\uD83D":1}]`, `"\ufffd"`, `"\`, `\`, `"\u`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := Data{JSON: text}
		lone := d.HasLoneSurrogate() // of any input, without a panic
		var s string
		if !utf8.Valid(text) || json.Unmarshal(text, &s) != nil || text[0] != '"' {
			return
		}
		// Without its U+FFFD a text with a lone surrogate is another one.
		again, _ := json.Marshal(s)
		if !lone && string(Quote(s).JSON) != string(appendQuoted(nil, s)) || (Data{JSON: again}).HasLoneSurrogate() {
			t.Errorf("%s: %q", text, s)
		}
		if lone && !containsReplacement(s) {
			t.Errorf("%s has no lone surrogate", text)
		}
	})
}

func containsReplacement(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError {
			return true
		}
	}
	return false
}
