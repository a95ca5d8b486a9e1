package placeholder

import (
	"fmt"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Text is text with placeholders, like "user:{jwt.sub}". A brace that begins no
// placeholder stands for itself, as a brace after a backslash does.
type Text struct {
	// parts are literal text and keys in turn. The first and the last part are text.
	parts []string
}

// NewText compiles text. The error names an unknown placeholder that begins with socket
// or event. The names of other modules are unknown here and accepted.
func NewText(s string) (Text, error) {
	t := parseText(s)
	for _, key := range t.Keys() {
		if err := checkKey(key); err != nil {
			return Text{}, err
		}
	}
	return t, nil
}

// parseText parses text, without a check of its placeholders.
func parseText(s string) Text {
	t := Text{parts: []string{""}}
	literal := &t.parts[0]
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			*literal += s
			return t
		}
		if i > 0 && s[i-1] == '\\' {
			*literal += s[:i-1] + "{"
			s = s[i+1:]
			continue
		}
		*literal += s[:i]
		key, rest, ok := Cut(s[i:])
		if !ok {
			*literal += "{"
			s = s[i+1:]
			continue
		}
		t.parts = append(t.parts, key, "")
		literal = &t.parts[len(t.parts)-1]
		s = rest
	}
}

// Cut cuts the placeholder at the beginning of s off. It returns its key, without
// braces, and the rest.
func Cut(s string) (key, rest string, ok bool) {
	end := strings.IndexByte(s, '}')
	if end < 2 {
		return "", "", false
	}
	key = s[1:end]
	if strings.ContainsAny(key, " \t\n\"'`{:,") || strings.HasPrefix(key, ".") {
		return "", "", false
	}
	return key, s[end+1:], true
}

// singleKey returns the key of a text that is one placeholder and nothing else.
func (t Text) singleKey() (key string, ok bool) {
	if len(t.parts) == 3 && t.parts[0] == "" && t.parts[2] == "" {
		return t.parts[1], true
	}
	return "", false
}

// Literal returns the text if it has no placeholder. ok is false otherwise.
func (t Text) Literal() (text string, ok bool) {
	switch len(t.parts) {
	case 0:
		return "", true
	case 1:
		return t.parts[0], true
	}
	return "", false
}

// For returns the text with the values of its placeholders in an event. A placeholder
// without a value is empty text.
func (t Text) For(ev *hub.Event) string {
	if s, ok := t.Literal(); ok {
		return s
	}
	var b strings.Builder
	for i, part := range t.parts {
		if i%2 == 0 {
			b.WriteString(part)
		} else if value, ok := Lookup(ev, part); ok {
			b.WriteString(value.Text())
		}
	}
	return b.String()
}

// Name returns the text for an event as the name of a room or an event. Numbers are
// written as JavaScript writes them. complete is false if a placeholder has no value or
// an empty one. The error says that a value has half of a surrogate pair: names that
// differ in such halves only would become the same name.
func (t Text) Name(ev *hub.Event) (Name string, complete bool, err error) {
	if s, ok := t.Literal(); ok {
		return s, true, nil
	}
	var b strings.Builder
	complete = true
	for i, part := range t.parts {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		value, ok := Lookup(ev, part)
		if value.HasLoneSurrogate() {
			return "", false, fmt.Errorf("{%s}: half of a surrogate pair", part)
		}
		text, named := value.Name()
		if !named {
			text = value.Text()
		}
		complete = complete && ok && text != ""
		b.WriteString(text)
	}
	return b.String(), complete, nil
}

// quoteFor returns the text for an event as a JSON string. Strings keep their escapes,
// lone surrogates too.
func (t Text) quoteFor(ev *hub.Event) sio.Data {
	quoted := []byte{'"'}
	for i, part := range t.parts {
		value := sio.Quote(part)
		if i%2 == 1 {
			value, _ = Lookup(ev, part)
		}
		if len(value.JSON) == 0 || value.JSON[0] != '"' {
			value = sio.Quote(value.Text())
		}
		quoted = append(quoted, value.JSON[1:len(value.JSON)-1]...)
	}
	return sio.Data{JSON: append(quoted, '"')}
}

// Keys returns the placeholders of the text, without braces.
func (t Text) Keys() (keys []string) {
	for i := 1; i < len(t.parts); i += 2 {
		keys = append(keys, t.parts[i])
	}
	return keys
}
