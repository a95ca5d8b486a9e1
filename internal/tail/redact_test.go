package tail

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

func TestValuesAreCutAndRedacted(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, c := range []struct{ data, want string }{
		{`["x"]`, `[]`},
		{`["x",1,null,true,"text",[1.50]]`, `[1,null,true,"text",[1.50]]`},
		{
			`["x",{"user":"ada","Password":"p","api_key":"k","Set-Cookie":"c","accessToken":{"a":1},"pin":"1","spinner":"no"}]`,
			`[{"Password":"(hidden)","Set-Cookie":"(hidden)","accessToken":"(hidden)","api_key":"(hidden)","pin":"(hidden)","spinner":"no","user":"ada"}]`,
		},
		{
			`["x","eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.abc","Bearer abcdefgh1234","-----BEGIN RSA PRIVATE KEY-----","sk_live_abcdefghijkl"]`,
			`["(hidden)","(hidden)","(hidden)","(hidden)"]`,
		},
		{`["login","ada","hunter2",7]`, `["(hidden)","(hidden)",7]`},
		{`["set-password",{"to":"x"}]`, `[{"to":"(hidden)"}]`},
		{`["x","` + long + `"]`, `["` + strings.Repeat("é", 79) + `…"]`},
		{`["x",[[[[[[1]]]]]]]`, `[[[[[["…"]]]]]]`},
		{`["x",[` + strings.Repeat("1,", 30) + `1]]`, `[[` + strings.Repeat("1,", 20) + `"… (11 more)"]]`},
		{`["x","` + strings.Repeat("a", 20<<10) + `"]`, `["(20488 bytes)"]`},
	} {
		data := sio.Data{JSON: []byte(c.data)}
		name, _ := data.Index(0)
		got := string(renderArgs(name.Text(), data, false))
		if normal(got) != normal(c.want) {
			t.Errorf("%.60s: got %s, want %s", c.data, got, c.want)
		}
	}
	if got := string(renderArgs("login", sio.Data{JSON: []byte(`["login","hunter2"]`)}, true)); got != `["hunter2"]` {
		t.Errorf("raw: got %s", got)
	}
}

// normal returns JSON with sorted keys.
func normal(text string) string {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return "invalid: " + text
	}
	out, _ := json.Marshal(v)
	return string(out)
}

func FuzzLinesArePrintableJSON(f *testing.F) {
	f.Add(`["x","\u009b\u2028"]`, "a\x1bb\xff")
	f.Add("[\"\u009b\",{\"\u202e\":\"\U000e0001\"}]", "\u0085")
	f.Fuzz(func(t *testing.T, args, text string) {
		data := sio.Data{JSON: []byte(args)}
		r := Record{Kind: "event", Room: text, Event: text, Reason: text}
		if data.UnmarshalJSON([]byte(args)) == nil {
			r.Args = renderArgs(text, data, len(text)%2 == 0)
		}
		line := appendLine(nil, r)
		if !json.Valid(line) {
			t.Fatalf("invalid JSON: %q", line)
		}
		for i, c := range string(line) {
			if (c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x2028) && i != len(line)-1 {
				t.Fatalf("%q has %U", line, c)
			}
		}
	})
}
