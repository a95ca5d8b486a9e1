package backend

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// FuzzPlacedText checks that no value changes the structure of the text around it.
func FuzzPlacedText(f *testing.F) {
	for _, s := range []string{
		"", "plain", "../a", `..\..`, "a/./b", "%2e%2e/", "..;/x", "%", "%2", "．．", "a\x00", "+", "/", "//", "?x#y",
		"\r\nX: 1", `"],"join":["x`, "{{env}}", "{{{", "{", "{env.HOME}", "\xff", "5", `{"a":1}`, "app:80", "[::1]:80",
	} {
		f.Add(s, "x")
		f.Add("x", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		get := func(name string) (placedValue, bool) {
			text := map[string]string{"event.a": a, "event.b": b}[name]
			value, _ := sio.Marshal(text)
			return placedValue{data: value, text: text}, true
		}
		render := func(p *place, text string) (string, error) {
			return p.render(parsePlacedText(text, p, assigned{}), get)
		}
		checkPath(t, a, b, render)
		if utf8.ValidString(a) && utf8.ValidString(b) { // as all that clients can send
			checkRenderedJSON(t, a, b, render)
		}
		header, _ := render(inHeader, "x {event.a}{event.b} y")
		request := "GET / HTTP/1.1\r\nHost: h\r\nX-A: " + header + "\r\n\r\n"
		if r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request))); err != nil || len(r.Header) != 1 || r.Header.Get("X-A") != header {
			t.Errorf("%q, %q: the header is %q: %v", a, b, header, err)
		}
		if address, err := render(inAddress, "{event.a}:80"); err == nil && (strings.ContainsAny(address, "/\\@ \r\n{}") || address == ":80") {
			t.Errorf("%q: the address is %q", a, address)
		}
	})
}

func checkPath(t *testing.T, a, b string, render func(*place, string) (string, error)) {
	escaped, err := render(inPath, "/v/{event.a}{event.b}/end")
	if err != nil {
		return
	}
	plain, err := url.PathUnescape(escaped)
	if err != nil || plain != "/v/"+a+b+"/end" || strings.ContainsAny(escaped, "?#{}; ") {
		t.Errorf("%q, %q: the path is %q: %v", a, b, escaped, err)
	}
	if again, err := url.PathUnescape(plain); err == nil && again != plain {
		t.Errorf("%q, %q: decoded twice the path is %q", a, b, again)
	}
	for segment := range strings.SplitSeq(strings.ReplaceAll(plain[1:], `\`, "/"), "/") {
		segment, _, _ = strings.Cut(segment, ";")
		if strings.Trim(segment, ". +\x00") == "" {
			t.Errorf("%q, %q lead out of their place: %q", a, b, plain)
		}
	}
}

func checkRenderedJSON(t *testing.T, a, b string, render func(*place, string) (string, error)) {
	raw, _ := render(inRequestBody, `{"a":"<{event.a}{event.b}>","b":{event.b},"c":[{event.a}]}`)
	var got struct {
		A, B string
		C    []string
	}
	strict := json.NewDecoder(strings.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&got); err != nil || got.A != "<"+a+b+">" || got.B != b || len(got.C) != 1 || got.C[0] != a || strings.Contains(raw, "{{") {
		t.Errorf("%q, %q: the body is %s: %v", a, b, raw, err)
	}
}
