package placeholder

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestArgumentJSON(t *testing.T) {
	const asText = "; write JSON with spaces in backticks, and text as "
	for _, test := range []struct{ arg, want, literal string }{
		{``, `""`, ``},
		{`hello`, `"hello"`, ``},
		{`12`, `12`, ``},
		{` [1] `, ` [1] `, ``},
		{`{"a":1}`, `{"a":1}`, ``},
		{`007`, `"007"`, ``},
		{`NaN`, `"NaN"`, ``},
		{`"half`, `"\"half"`, ``},
		{`{name}`, `"{name}"`, ``},
		{`{event.args.0} and [more`, `"{event.args.0} and [more"`, ``},
		{`\{"a":1,}`, `"\\{\"a\":1,}"`, ``},
		{`<b>&</b>`, `"<b>&</b>"`, ``},
		{
			`{"a":{event.args.0}}`, `{"a":"{event.args.0}"}`,
			"{\"a\":{event.args.0}} begins like JSON but is not: invalid character 'e' looking for beginning of object key string" + asText + "`\"{\\\"a\\\":{event.args.0}}\"` with the quotes",
		},
		{`[{a},"{b}\"",{c}]`, `["{a}","{b}\"","{c}"]`, "*"},
		{`{{event.name}:1}`, `{"{event.name}":1}`, "*"},
		{"[\n\t{jwt.sub}\n]", "[\n\t\"{jwt.sub}\"\n]", "*"},
		{`{"a":1,}`, "{\"a\":1,} begins like JSON but is not: invalid character '}' looking for beginning of object key string" + asText + "`\"{\\\"a\\\":1,}\"` with the quotes", "="},
		{`{'a':1}`, "{'a':1} begins like JSON but is not: invalid character '\\'' looking for beginning of object key string" + asText + "`\"{'a':1}\"` with the quotes", "="},
		{`{a:1}`, "{a:1} begins like JSON but is not: invalid character 'a' looking for beginning of object key string" + asText + "`\"{a:1}\"` with the quotes", "="},
		{`[admin] hi`, "[admin] hi begins like JSON but is not: invalid character 'a' looking for beginning of value" + asText + "`\"[admin] hi\"` with the quotes", "="},
		{` [1,`, " [1, begins like JSON but is not: unexpected end of JSON input" + asText + "`\" [1,\"` with the quotes", "="},
		{`[1] and more`, "[1] and more begins like JSON but is not: invalid character 'a' after top-level value" + asText + "`\"[1] and more\"` with the quotes", "="},
		{`{`, "{ begins like JSON but is not: unexpected end of JSON input" + asText + "`\"{\"` with the quotes", "="},
	} {
		got := textOrError(ArgumentJSON(test.arg))
		if got != test.want {
			t.Errorf("%s: got  %s\nwant %s", test.arg, got, test.want)
		}
		literal, want := textOrError(LiteralJSON(test.arg)), test.literal
		if want == "" || want == "=" {
			want = test.want
		}
		want = strings.ReplaceAll(want, asText, "; write text as ") // a shell has other backticks
		if literal != want && (want != "*" || json.Valid([]byte(literal))) {
			t.Errorf("%s: literally: got  %s\nwant %s", test.arg, literal, want)
		}
	}
}

// textOrError is JSON, or the error in its place.
func textOrError(raw json.RawMessage, err error) string {
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// An argument becomes JSON or is refused. An argument that is JSON already stays as it
// is.
func FuzzArgumentJSON(f *testing.F) {
	for _, s := range []string{`{"a":{event.args.0}}`, `[{a},"{b}\"",{c}]`, `{"a":"\`, `{{x}}`, `[admin]`, `{a\b}`, "[{\xff}]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		raw, err := ArgumentJSON(arg)
		if err == nil && !json.Valid(raw) {
			t.Errorf("%q: %q", arg, raw)
		}
		if json.Valid([]byte(arg)) && string(raw) != arg {
			t.Errorf("%q: %q, %v", arg, raw, err)
		}
		if err != nil && !beginsLikeJSON(arg) {
			t.Errorf("%q: %v", arg, err)
		}
	})
}
