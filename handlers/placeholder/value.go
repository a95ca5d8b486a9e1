package placeholder

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Value is a JSON value with placeholders in its strings. A string that is one
// placeholder and nothing else stands for a value of any type: a number, a list, an
// object, binary, or null without a value. In a longer string a placeholder becomes
// text.
type Value struct {
	fixed sio.Data // the value, if it has no placeholders
	raw   []byte   // the JSON between the slots
	// slots are the strings with placeholders, in the order of raw.
	slots []slot
	// single is the placeholder of a value that is one placeholder and nothing else, nil for
	// any other value.
	single *key
}

// slot is a string with placeholders, at an index of the JSON around it.
type slot struct {
	at   int
	text Text
	key  bool // the string is the key of an object: always text
}

// NewValue compiles a JSON value. Binary is {"$binary":"BASE64"}; a value with
// placeholders can't have binary too. The error says where the JSON is wrong, or names
// an unknown placeholder.
func NewValue(raw json.RawMessage) (Value, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return Value{}, err
	}
	var v Value
	src := compact.Bytes()
	for len(src) > 0 {
		i := bytes.IndexByte(src, '"')
		if i < 0 {
			break
		}
		v.raw = append(v.raw, src[:i]...)
		end := i + stringEnd(src[i:])
		if err := v.addString(src[i:end], end < len(src) && src[end] == ':'); err != nil {
			return Value{}, err
		}
		src = src[end:]
	}
	v.raw = append(v.raw, src...)
	if err := v.fixed.UnmarshalJSON(compact.Bytes()); err != nil {
		return Value{}, err
	}
	if len(v.slots) == 1 && len(v.raw) == 0 {
		v.single = v.slots[0].text.singleKey()
	}
	if len(v.slots) > 0 && len(v.fixed.Attachments) > 0 {
		return Value{}, errors.New("a value with placeholders can't have $binary too")
	}
	return v, nil
}

func (v *Value) addString(quoted []byte, key bool) error {
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return err
	}
	t, err := NewText(s)
	if err != nil {
		return err
	}
	if _, static := t.Literal(); static && !strings.Contains(s, `\{`) {
		v.raw = append(v.raw, quoted...)
		return nil
	}
	v.slots = append(v.slots, slot{at: len(v.raw), text: t, key: key})
	return nil
}

// stringEnd returns the length of the JSON string that b begins with.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// For returns the value with the values of its placeholders in an event.
func (v Value) For(ev *hub.Event) sio.Data {
	if len(v.slots) == 0 {
		return v.fixed
	}
	if v.single != nil {
		return v.single.valueFor(ev).OrNull()
	}
	raw := make([][]byte, 0, len(v.slots)+1)
	values := make([]sio.Data, 0, len(v.slots))
	from := 0
	for _, c := range v.slots {
		raw = append(raw, v.raw[from:c.at])
		values = append(values, c.value(ev))
		from = c.at
	}
	return sio.Splice(append(raw, v.raw[from:]), values)
}

func (c slot) value(ev *hub.Event) sio.Data {
	if k := c.text.singleKey(); k != nil && !c.key {
		return k.valueFor(ev)
	}
	return c.text.quoteFor(ev)
}

// Keys returns the placeholders of the value, see [Text.Keys].
func (v Value) Keys() (keys []string) {
	for _, c := range v.slots {
		keys = append(keys, c.text.Keys()...)
	}
	return keys
}

// ReadsCounts reports whether the value has the number of sockets in a room or in the
// namespace.
func (v Value) ReadsCounts() bool {
	return slices.ContainsFunc(v.slots, func(c slot) bool { return c.text.ReadsCounts() })
}
