package engine

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

const (
	tokenPattern  = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	quotedPattern = `"(?:\\?` + "[!#$%&'*+.^_`|~0-9A-Za-z-]" + `)+"`
)

var (
	offerPattern = regexp.MustCompile(`^[ \t,]*(` + tokenPattern + `)((?:[ \t]*;[ \t]*` + tokenPattern + `(?:[ \t]*=[ \t]*(?:` + tokenPattern + `|` + quotedPattern + `))?)*)[ \t]*(,|$)`)
	paramPattern = regexp.MustCompile(`;[ \t]*(` + tokenPattern + `)(?:[ \t]*=[ \t]*(` + tokenPattern + `|` + quotedPattern + `))?`)
)

// acceptDeflateNaively reads the header with regular expressions.
func acceptDeflateNaively(header string) bool {
	for {
		m := offerPattern.FindStringSubmatch(header)
		if m == nil {
			return false
		}
		given, good := make(map[string]bool), m[1] == deflate
		for _, p := range paramPattern.FindAllStringSubmatch(m[2], -1) {
			name, value := p[1], strings.NewReplacer(`"`, "", `\`, "").Replace(p[2])
			switch name {
			case "server_no_context_takeover", "client_no_context_takeover":
				good = good && value == ""
			case "client_max_window_bits":
				good = good && (value == "" || regexp.MustCompile(`^([89]|1[0-5])$`).MatchString(value))
			case "server_max_window_bits":
				good = good && value == "15"
			default:
				good = false
			}
			good = good && !given[name]
			given[name] = true
		}
		if good {
			return true
		}
		header = header[len(m[0]):]
	}
}

// FuzzExtensions compares the reader of Sec-WebSocket-Extensions with regular expressions.
func FuzzExtensions(f *testing.F) {
	for _, seed := range []string{
		"", deflate, deflate + "; client_max_window_bits", "x, " + deflate, deflate + `; server_max_window_bits="15"`, deflate + "; server_max_window_bits=10, " + deflate,
		deflate + `; client_max_window_bits="\1\5"; client_no_context_takeover`, deflate + ";a;a", deflate + "; client_max_window_bits=08", ",,;", deflate + `; a="`, deflate + " x",
		deflate + ` ; client_max_window_bits = 9 , `, deflate + `; server_no_context_takeover=""`,
	} {
		f.Add(seed, "")
		f.Add("x", seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		extension, ok := acceptDeflate(http.Header{"Sec-Websocket-Extensions": {first, second}})
		if want := acceptDeflateNaively(first + "," + second); ok != want {
			t.Errorf("%q, %q: accepted %v, want %v", first, second, ok, want)
		}
		if ok != strings.HasPrefix(extension, deflate+"; ") {
			t.Errorf("%q, %q: replied with %q", first, second, extension)
		}
	})
}
