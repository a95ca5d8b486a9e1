package messages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Stringify returns v as JSON.stringify writes it.
func Stringify(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// Text is a string that other nodes may write as a number, or as null if there is none.
type Text string

// UnmarshalJSON reads a string, a number or null. A string with half of a surrogate pair,
// as JavaScript allows, becomes a text that is not UTF-8: no room has such a name, and
// different ones stay different.
func (t *Text) UnmarshalJSON(b []byte) error {
	switch c := b[0]; {
	case c == '"' && (sio.Data{JSON: b}).HasLoneSurrogate():
		*t = Text("\xff" + string(b))
	case c == '"':
		return json.Unmarshal(b, (*string)(t))
	case c == '-' || '0' <= c && c <= '9':
		*t = Text(b)
		if v, err := strconv.ParseFloat(string(b), 64); err == nil && v == float64(int64(v)) {
			*t = Text(strconv.FormatInt(int64(v), 10))
		}
	case c != 'n':
		return fmt.Errorf("expected text, not %.20s", b)
	}
	return nil
}

// RoomList is a list of rooms, each a string or a number; or a single room.
type RoomList []string

// UnmarshalJSON reads an array, a string, a number or null.
func (l *RoomList) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		var one Text
		if err := one.UnmarshalJSON(b); err != nil || one == "" {
			return err
		}
		*l = RoomList{string(one)}
		return nil
	}
	var texts []Text
	if err := json.Unmarshal(b, &texts); err != nil {
		return err
	}
	*l = make(RoomList, len(texts))
	for i, t := range texts {
		(*l)[i] = string(t)
	}
	return nil
}
