package backend

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/sio"
	"golang.org/x/text/unicode/norm"
)

// placedText is a text of the config. The values of its placeholders are escaped for
// the place of the text.
type placedText struct {
	place *place
	parts []textPart
}

// textPart is literal text or, with a name, a placeholder.
type textPart struct {
	literal string
	name    string
	quoted  bool // the placeholder stands between double quotes
	own     bool // no client chooses the value
}

// placeError means that a value can't stand in its place. Its text does not have the value: it
// is in logs.
type placeError struct {
	place *place
	text  string
}

func (e *placeError) Error() string {
	return fmt.Sprintf("a text of %d bytes can't stand in %s", len(e.text), e.place.name)
}

// placedValue is the value of a placeholder, as JSON and as text. The JSON is empty for
// an event without the value.
type placedValue struct {
	data sio.Data
	text string
}

// valueLookup returns the value of a placeholder by its name. known is false for an
// unknown name: as in Caddy, its text stays in headers and bodies, and is empty in
// paths.
type valueLookup func(name string) (value placedValue, known bool)

// parsePlacedText splits a text into its parts. As in Caddy, a backslash before a brace
// is removed.
func parsePlacedText(text string, p *place, names assigned) *placedText {
	t := &placedText{place: p}
	var literal strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		name, ok := placeholderAt(text, i)
		if ok && p.skipAt != nil && p.skipAt(text, i) {
			ok = false
		}
		if ok {
			_, worst := names.worstPlaceholder(text[i:i+len(name)+2], p.exempt...)
			t.parts = append(t.parts, textPart{literal: literal.String()}, textPart{name: name, quoted: quoted, own: worst == ownValue})
			literal.Reset()
			i += len(name) + 1
			continue
		}
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '{' || text[i+1] == '}'):
			i++
		case c == '\\' && i+1 < len(text):
			literal.WriteByte(c)
			i++
		case c == '"':
			quoted = !quoted
		}
		literal.WriteByte(text[i])
	}
	t.parts = append(t.parts, textPart{literal: literal.String()})
	return t
}

// joinParts concatenates the literal parts and the escaped placeholders.
func (t *placedText) joinParts(escape func(textPart) string) string {
	var b strings.Builder
	for _, part := range t.parts {
		if part.name == "" {
			b.WriteString(part.literal)
		} else {
			b.WriteString(escape(part))
		}
	}
	return b.String()
}

// renderHeader renders the value of a header. Control characters become spaces: a
// request with them fails, and Caddy would count that as a failure of the upstream.
func renderHeader(t *placedText, get valueLookup) (string, error) {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '\x7f' {
			return ' '
		}
		return r
	}, t.joinParts(func(part textPart) string {
		value, known := get(part.name)
		if !known {
			return "{" + part.name + "}"
		}
		return value.text
	})), nil
}

// renderJSON renders JSON, in which templates may have actions. A placeholder in quotes
// becomes text. Any other becomes a value of any type, null without a value.
func renderJSON(t *placedText, get valueLookup) (string, error) {
	return t.joinParts(func(part textPart) string {
		value, known := get(part.name)
		switch {
		case !known && part.quoted:
			return "{" + part.name + "}"
		case !known:
			return `"{` + part.name + `}"`
		case part.quoted:
			return escapeString(value.text)
		}
		return escapeJSON(value.data)
	}), nil
}

// escapeString escapes text for a JSON string. A brace in it can't begin the action of
// a template.
func escapeString(text string) string {
	quoted, _ := json.Marshal(text) // a string always marshals
	return strings.ReplaceAll(string(quoted[1:len(quoted)-1]), "{", `\u007b`)
}

// escapeJSON returns the value as JSON in which no action of a template begins.
func escapeJSON(value sio.Data) string {
	raw, err := value.MarshalJSON()
	if err != nil {
		return "null"
	}
	return strings.ReplaceAll(string(raw), "{{", `{\u007b`)
}

// renderAddress renders the address of an upstream, or a host. Values may have
// addressCharacters only.
func renderAddress(t *placedText, get valueLookup) (address string, err error) {
	return t.joinParts(func(part textPart) string {
		value, _ := get(part.name)
		if !part.own && (value.text == "" || strings.Trim(value.text, addressCharacters) != "") {
			err = &placeError{t.place, value.text}
		}
		return value.text
	}), err
}

const addressCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"

// renderPath renders the path of a URI, escaped once. With values of clients in it, it
// must begin with a slash: a request target without one is not a path.
func renderPath(t *placedText, get valueLookup) (string, error) {
	path, err := t.checkSegments(get, func(part textPart, value string) string {
		if part.name == uriName {
			return value // already escaped
		}
		return strings.ReplaceAll(url.PathEscape(value), "%2F", "/")
	}, url.PathUnescape)
	isChosen := func(part textPart) bool { return part.name != "" && !part.own }
	if err == nil && !strings.HasPrefix(path, "/") && slices.ContainsFunc(t.parts, isChosen) {
		err = &placeError{t.place, path}
	}
	return path, err
}

// renderFile renders the path of a file.
func renderFile(t *placedText, get valueLookup) (string, error) {
	return t.checkSegments(get, func(_ textPart, value string) string { return value },
		func(literal string) (string, error) { return literal, nil })
}

// uriName is the placeholder for an escaped path with its query.
const uriName = "http.request.uri"

// checkSegments renders a path. Between two slashes of the text, values become one or
// more segments. They stay there however a backend decodes the path, see isContained.
func (t *placedText) checkSegments(get valueLookup, escape func(textPart, string) string, unescape func(string) (string, error)) (string, error) {
	var path strings.Builder
	var slot string // the text between two slashes, unescaped
	first, checked := true, false
	check := func(last bool) error {
		if checked && !isContained(slot, first, last) {
			return &placeError{t.place, slot}
		}
		slot, first, checked = "", false, false
		return nil
	}
	for _, part := range t.parts {
		if part.name != "" {
			value, _ := get(part.name)
			path.WriteString(escape(part, value.text))
			slot, checked = slot+value.text, checked || !part.own
			continue
		}
		path.WriteString(part.literal)
		for i, piece := range strings.Split(part.literal, "/") {
			if i > 0 {
				if err := check(false); err != nil {
					return "", err
				}
			}
			if plain, err := unescape(piece); err == nil {
				piece = plain
			}
			slot += piece
		}
	}
	return path.String(), check(true)
}

// isContained reports whether the text between two slashes of a path leads to no other
// path. Backends may decode it once or twice, strip parameters as Tomcat does, take
// backslashes for slashes as Windows does, end at a null byte, merge slashes, strip
// dots and spaces, or normalize Unicode. The first text of a path may begin with a
// slash, the last may end with one.
func isContained(text string, first, last bool) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, text := range []string{text, norm.NFKC.String(text)} {
		if strings.ContainsAny(text, `\;`) || strings.ContainsFunc(text, unicode.IsControl) || hasEscape(text) {
			return false
		}
		if first {
			text = strings.TrimPrefix(text, "/")
		}
		if last {
			text = strings.TrimSuffix(text, "/")
		}
		if first && last && text == "" {
			continue
		}
		for segment := range strings.SplitSeq(text, "/") {
			if strings.TrimFunc(segment, isStripped) == "" {
				return false
			}
		}
	}
	return true
}

// isStripped reports whether some servers strip the character from the end of a
// segment. Some decode a plus as a space.
func isStripped(r rune) bool { return r == '.' || r == '+' || unicode.IsSpace(r) }

// hasEscape reports whether text changes when it is decoded once more: %2e, or %u002e
// for older servers.
func hasEscape(text string) bool {
	for {
		_, after, ok := strings.Cut(text, "%")
		if !ok {
			return false
		}
		if after != "" && strings.ContainsRune("0123456789abcdefABCDEFuU", rune(after[0])) {
			return true
		}
		text = after
	}
}
