package engine

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// maxJSONPIndex is how many digits the index of a JSONP callback may have. Clients count
// from zero.
const maxJSONPIndex = 20

// keepDigits leaves out of a callback's index what could be code.
func keepDigits(index string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, index)
}

// jsonpScript is a payload as a call of the callback that the client has put into its
// page: ___eio[0]("…");
func jsonpScript(index string, payload []byte) []byte {
	var out bytes.Buffer
	out.WriteString("___eio[" + index + "](")
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)              // as the reference; the line separators U+2028 and U+2029 are escaped anyway
	_ = e.Encode(string(payload))       // a string always encodes
	out.Truncate(out.Len() - len("\n")) // which the encoder ends with
	out.WriteString(");")
	return out.Bytes()
}

// parseForm is the payload in the form that a JSONP client posts: the field d. The
// client has doubled the backslash of "\n" and written line feeds as "\n", which
// a form would change.
func parseForm(body []byte) (payload []byte, given bool) {
	values, err := url.ParseQuery(string(body))
	if err != nil || !values.Has("d") {
		return nil, false
	}
	return unescapeLines([]byte(values.Get("d"))), true
}

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
