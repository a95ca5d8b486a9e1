// Package lenient reads the JSON of languages whose types differ from JavaScript's.
//
// PHP writes an empty object as [], and a list with gaps, as array_filter returns it, as
// {"0":"a","2":"b"}. Go writes a nil slice as null. Ids are numbers in one program and
// strings in another. So the package reads
//
//   - an empty list as an empty object,
//   - an object with whole numbers as keys as the list of its values,
//   - null as an absent key,
//   - a number as the name of a room.
//
// Any other value of a wrong type is an [*Error], which has the path, the value and the
// expected type.
package lenient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Error is the error for a value of a wrong type. It does not have the value: errors are in
// logs, and values may be secrets.
type Error struct {
	// Path is the path to the value: keys and indexes, joined by dots. It is empty for
	// the outermost value.
	Path string
	// Value describes the value, see [Describe].
	Value string
	// Want describes the expected value.
	Want string
}

// Error returns the path, the kind of the value and the expected value as text.
func (e *Error) Error() string {
	text := fmt.Sprintf("unexpected %s, expected %s", e.Value, e.Want)
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	return text
}

// newError returns the error for a value of a wrong type.
func newError(raw []byte, want string) *Error {
	return &Error{Value: Describe(raw), Want: want}
}

// ErrorAt returns err with key before its path, if it is an [*Error], and otherwise wraps
// err with the key before its text.
func ErrorAt(key string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		return fmt.Errorf("%s: %w", key, err)
	}
	longer := *e
	if longer.Path = key; e.Path != "" {
		longer.Path += "." + e.Path
	}
	return &longer
}

// Describe returns the kind of a JSON value, like number, and the size of a longer one.
func Describe(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	kind := "number"
	switch {
	case len(raw) == 0:
		return "nothing"
	case raw[0] == '"':
		kind = "string"
	case raw[0] == '{':
		kind = "object"
	case raw[0] == '[':
		kind = "array"
	case raw[0] == 't', raw[0] == 'f':
		return "bool"
	case raw[0] == 'n':
		return "null"
	}
	return fmt.Sprintf("%s of %d bytes", kind, len(raw))
}

// TrimText returns a text without its byte order mark and the white space around it.
func TrimText(text []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(text), []byte("\ufeff")))
}

// Member is a member of an object.
type Member struct {
	Key   string          // unescaped
	Value json.RawMessage // as in the text
}

// ReadObject returns the members of an object in order. An empty list and null have none.
func ReadObject(raw []byte) ([]Member, error) {
	members, err := scanMembers(raw)
	if err != nil {
		return nil, err
	}
	if members == nil && !isNull(raw) && !IsEmptyList(raw) {
		return nil, newError(raw, "an object")
	}
	return members, nil
}

// ReadList returns the members of a list, or of an object with whole numbers as keys; nil
// for null.
func ReadList(raw []byte) ([]json.RawMessage, error) {
	if isNull(raw) {
		return nil, nil
	}
	list := []json.RawMessage{}
	if startsWith(raw, '[') {
		return list, json.Unmarshal(raw, &list)
	}
	members, err := scanMembers(raw)
	if err != nil {
		return nil, err
	}
	if members == nil {
		return nil, newError(raw, "a list")
	}
	for _, m := range members {
		if !isIndex(m.Key) {
			return nil, newError(raw, "a list")
		}
		list = append(list, m.Value)
	}
	return list, nil
}

// DataList returns the list of the values of an object with whole numbers as keys, and any
// other value unchanged.
func DataList(d sio.Data) sio.Data {
	if !startsWith(d.JSON, '{') {
		return d
	}
	items := []sio.Data{}
	for key, value := range d.Members() {
		if !isIndex(key.Text()) {
			return d
		}
		items = append(items, value)
	}
	return sio.Array(items...)
}

// ReadRooms returns the names of rooms in a list; nil for null.
func ReadRooms(raw []byte) ([]string, error) {
	if names, ok := readPlainRooms(raw); ok {
		return names, nil
	}
	list, err := ReadList(raw)
	if list == nil || err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, member := range list {
		if names[i], err = ReadRoom(member); err != nil {
			return nil, ErrorAt(strconv.Itoa(i), err)
		}
	}
	return names, nil
}

// readPlainRooms returns the names in a list that contains only names, as nearly all do.
func readPlainRooms(raw []byte) (names []string, ok bool) {
	if !startsWith(raw, '[') || bytes.IndexByte(raw, '{') >= 0 {
		return nil, false
	}
	names = []string{}
	for member := range (sio.Data{JSON: raw}).Elements() {
		name, ok := member.Name()
		if !ok {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// ReadRoom returns the name of a room: a string, or the text of a number.
func ReadRoom(raw []byte) (string, error) {
	d := sio.Data{JSON: raw}
	name, ok := d.Name()
	if !ok && startsWith(raw, '"') {
		return "", newError(raw, wholeCharacters)
	}
	if !ok {
		return "", newError(raw, "the name of a room")
	}
	return name, nil
}

// wholeCharacters is the Want of the error for a name with half of a surrogate pair.
const wholeCharacters = "a name of whole characters, without half of a surrogate pair"

// ReadName returns a string that is a name.
func ReadName(raw []byte) (string, error) {
	if !startsWith(raw, '"') {
		return "", newError(raw, "a string")
	}
	return ReadRoom(raw)
}

// IsEmptyList reports whether JSON text is a list without members.
func IsEmptyList(raw []byte) bool {
	inner, ok := bytes.CutPrefix(bytes.TrimSpace(raw), []byte("["))
	return ok && string(bytes.TrimSpace(inner)) == "]"
}

// isNull reports whether JSON text is null.
func isNull(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "null" }

// startsWith reports whether the first byte after white space is the given one.
func startsWith(raw []byte, with byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == with
}

// isIndex reports whether a key is a whole number in the usual form of an index.
func isIndex(key string) bool {
	n, err := strconv.ParseUint(key, 10, 63)
	return err == nil && strconv.FormatUint(n, 10) == key
}

// scanMembers returns the members of an object, nil for any other value.
func scanMembers(raw []byte) ([]Member, error) {
	if !startsWith(raw, '{') {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil { // the brace
		return nil, err
	}
	members := []Member{}
	for dec.More() {
		before := dec.InputOffset()
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string) // the decoder accepts no other key
		if strings.ContainsRune(key, utf8.RuneError) && (sio.Data{JSON: raw[before:dec.InputOffset()]}).HasLoneSurrogate() {
			return nil, newError(bytes.TrimLeft(raw[before:dec.InputOffset()], ", \t\r\n"), wholeCharacters)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		members = append(members, Member{key, value})
	}
	return members, nil
}
