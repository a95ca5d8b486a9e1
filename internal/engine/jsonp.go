package engine

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// maxJSONPIndex is how many digits the index of a JSONP callback may have. Clients count
// from 0.
const maxJSONPIndex = 20

// keepDigits returns only the digits of a callback's index: other characters could be
// code.
func keepDigits(index string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, index)
}

// jsonpScript returns the script that gives a payload to the client's callback in its
// page: ___eio[0]("…");
func jsonpScript(index string, payload []byte) []byte {
	var out bytes.Buffer
	out.WriteString("___eio[" + index + "](")
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)              // as the reference server; the line separators U+2028 and U+2029 are escaped anyway
	_ = e.Encode(string(payload))       // a string always encodes
	out.Truncate(out.Len() - len("\n")) // the encoder ends with one
	out.WriteString(");")
	return out.Bytes()
}

// parseForm returns the payload of the form that a JSONP client posts: the field d. A
// form would change line feeds, so the client writes them as "\n", and doubles the
// backslash of a "\n" in its text.
func parseForm(body []byte) (payload []byte, given bool) {
	values, err := url.ParseQuery(string(body))
	if err != nil || !values.Has("d") {
		return nil, false
	}
	return unescapeLines([]byte(values.Get("d"))), true
}

// unescapeLines restores line feeds, and backslashes before an n. It reuses d.
func unescapeLines(d []byte) []byte {
	out := d[:0]
	for i := 0; i < len(d); i++ {
		switch {
		case bytes.HasPrefix(d[i:], []byte(`\\n`)):
			out = append(out, `\n`...)
			i += 2
		case bytes.HasPrefix(d[i:], []byte(`\n`)):
			out = append(out, '\n')
			i++
		default:
			out = append(out, d[i])
		}
	}
	return out
}
