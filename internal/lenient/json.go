// Package lenient reads JSON as languages write it whose types are not JavaScript's.
//
// PHP writes an empty object as [], and a list with gaps, which array_filter leaves,
// as {"0":"a","2":"b"}. Go writes a nil slice as null. Ids are numbers in one place and
// strings in another. So an empty list stands for the empty object, an object whose keys
// are all whole numbers for the list of its values, null for a key that is left out, and
// a number for the name of a room for its text. Anything else of a wrong kind is an
// [*Error], which names the place, the value and what was expected.
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

// Error says that a value is of a wrong kind.
type Error struct {
	// Path is where the value stands: keys and indexes with dots between them. It is
	// empty for the value that was to be read.
	Path string
	// Value is the value's JSON, or the beginning of it.
	Value string
	// Want is what was expected.
	Want string
}

// Error says all three.
func (e *Error) Error() string {
	text := fmt.Sprintf("unexpected %s, expected %s", e.Value, e.Want)
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	return text
}

func newError(raw []byte, want string) *Error {
	return &Error{Value: Snippet(raw, 60), Want: want}
}

// ErrorAt returns an error of a value that stands under a key: an [*Error] with a longer
// path, or another one with the key before it.
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

// Snippet returns the beginning of a text, at most so many bytes, in one line.
func Snippet(text []byte, size int) string {
	text = bytes.TrimSpace(text)
	more := ""
	if len(text) > size {
		text, more = text[:size], "…"
	}
	line := strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "")), " ")
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, line) + more
}

// TrimText returns a text without the byte order mark before it and the white space around
// it.
func TrimText(text []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(text), []byte("\ufeff")))
}

// Member is a member of an object.
type Member struct {
	Key   string
	Value json.RawMessage
}

// ReadObject returns the members of an object in their order. An empty list and null have
// none.
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

// ReadList returns the members of a list, or of an object whose keys are all whole numbers;
// nil for null.
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

// DataList returns a value as a list, where it is an object whose keys are all whole
// numbers, and otherwise as it is.
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

// readPlainRooms returns the names in a list that has nothing else, as nearly all have.
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

// wholeCharacters is the Want of an error about a name that ends in half an emoji.
const wholeCharacters = "a name of whole characters, without half of a surrogate pair"

// ReadName returns a string that names something.
func ReadName(raw []byte) (string, error) {
	if !startsWith(raw, '"') {
		return "", newError(raw, "a string")
	}
	return ReadRoom(raw)
}

// IsEmptyList reports whether JSON is a list without members.
func IsEmptyList(raw []byte) bool {
	inner, ok := bytes.CutPrefix(bytes.TrimSpace(raw), []byte("["))
	return ok && string(bytes.TrimSpace(inner)) == "]"
}

func isNull(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "null" }

func startsWith(raw []byte, with byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == with
}

// isIndex reports whether a key is a whole number as languages write indexes.
func isIndex(key string) bool {
	n, err := strconv.ParseUint(key, 10, 63)
	return err == nil && strconv.FormatUint(n, 10) == key
}

// scanMembers returns the members of an object, nil of any other value.
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
		key, _ := token.(string) // the decoder takes no other
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
