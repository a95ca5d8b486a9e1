package placeholder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Text is text with placeholders, like "user:{jwt.sub}". A brace that begins no
// placeholder stands for itself, as a brace after a backslash does.
type Text struct {
	// literals are the text between the keys, one more than keys. The zero Text has none.
	literals []string
	keys     []key
}

// NewText compiles text. The error names an unknown placeholder that begins with socket,
// event, room or namespace. The names of other modules are unknown here and accepted.
func NewText(s string) (Text, error) {
	literals, raw := splitText(s)
	t := Text{literals: literals}
	for _, r := range raw {
		k, err := newKey(r)
		if err != nil {
			return Text{}, err
		}
		t.keys = append(t.keys, k)
	}
	return t, nil
}

// splitText splits text into its literals and the keys between them.
func splitText(s string) (literals, keys []string) {
	literal := ""
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			return append(literals, literal+s), keys
		}
		if i > 0 && s[i-1] == '\\' {
			literal += s[:i-1] + "{"
			s = s[i+1:]
			continue
		}
		literal += s[:i]
		key, rest, ok := Cut(s[i:])
		if !ok {
			literal += "{"
			s = s[i+1:]
			continue
		}
		literals, keys = append(literals, literal), append(keys, key)
		literal, s = "", rest
	}
}

// singleKey returns the key of a text that is one placeholder and nothing else, nil for
// any other text.
func (t Text) singleKey() *key {
	if len(t.keys) == 1 && t.literals[0] == "" && t.literals[1] == "" {
		return &t.keys[0]
	}
	return nil
}

// Literal returns the text if it has no placeholder. ok is false otherwise.
func (t Text) Literal() (text string, ok bool) {
	switch {
	case len(t.keys) > 0:
		return "", false
	case len(t.literals) == 0:
		return "", true
	}
	return t.literals[0], true
}

// For returns the text with the values of its placeholders in an event. A placeholder
// without a value is empty text.
func (t Text) For(ev *hub.Event) string {
	if s, ok := t.Literal(); ok {
		return s
	}
	var b strings.Builder
	for i := range t.keys {
		b.WriteString(t.literals[i])
		if value, ok := t.keys[i].lookUp(ev); ok {
			b.WriteString(value.Text())
		}
	}
	b.WriteString(t.literals[len(t.keys)])
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
	for i := range t.keys {
		b.WriteString(t.literals[i])
		value, ok := t.keys[i].lookUp(ev)
		if value.HasLoneSurrogate() {
			return "", false, fmt.Errorf("{%s}: half of a surrogate pair", t.keys[i].name)
		}
		text, named := value.Name()
		if !named {
			text = value.Text()
		}
		complete = complete && ok && text != ""
		b.WriteString(text)
	}
	b.WriteString(t.literals[len(t.keys)])
	return b.String(), complete, nil
}

// quoteFor returns the text for an event as a JSON string. Strings keep their escapes,
// lone surrogates too.
func (t Text) quoteFor(ev *hub.Event) sio.Data {
	quoted := []byte{'"'}
	add := func(value sio.Data) {
		if len(value.JSON) == 0 || value.JSON[0] != '"' {
			value = sio.Quote(value.Text())
		}
		quoted = append(quoted, value.JSON[1:len(value.JSON)-1]...)
	}
	for i, literal := range t.literals {
		add(sio.Quote(literal))
		if i < len(t.keys) {
			value, _ := t.keys[i].lookUp(ev)
			add(value)
		}
	}
	return sio.Data{JSON: append(quoted, '"')}
}

// Keys returns the placeholders of the text, without braces and defaults, and the
// placeholders inside of them.
func (t Text) Keys() (keys []string) {
	for i := range t.keys {
		keys = append(keys, t.keys[i].allNames()...)
	}
	return keys
}

// ReadsCounts reports whether a placeholder of the text is the number of sockets in a room
// or in the namespace. A handler with such a setting implements [hub.CountReader].
func (t Text) ReadsCounts() bool {
	return slices.ContainsFunc(t.keys, func(k key) bool { return k.readsCount() })
}
