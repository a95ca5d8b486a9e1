package lenient

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Fields maps the keys of an object to the variables for their values; see [Read].
type Fields map[string]any

// Read stores a JSON value in the variable that into points to; null leaves it unchanged.
// Into is one of
//
//   - *bool,
//   - *string, for any text,
//   - *[]string, for names of rooms,
//   - *[sio.Data], for any value; binary is {"$binary":"BASE64"},
//   - *[][sio.Data], for a list of values,
//   - *map[string][sio.Data], for an object of values,
//   - func([]byte) error, which reads the value itself.
func Read(raw []byte, into any) error {
	if isNull(raw) {
		return nil
	}
	var err error
	switch into := into.(type) {
	case *bool:
		if json.Unmarshal(raw, into) != nil {
			return newError(raw, "true or false")
		}
	case *string:
		if !startsWith(raw, '"') {
			return newError(raw, "a string")
		}
		return json.Unmarshal(raw, into)
	case *[]string:
		*into, err = ReadRooms(raw)
	case *sio.Data:
		return into.UnmarshalJSON(raw)
	case *[]sio.Data:
		*into, err = readDataList(raw)
	case *map[string]sio.Data:
		*into, err = readDataMap(raw)
	case func([]byte) error:
		return into(raw)
	default:
		panic(fmt.Sprintf("lenient: no place for a value: %T", into))
	}
	return err
}

// IntoName returns the parameter into of [Read] for a name.
func IntoName(into *string) func([]byte) error {
	return func(raw []byte) (err error) {
		*into, err = ReadName(raw)
		return err
	}
}

// readDataList reads a list of values.
func readDataList(raw []byte) ([]sio.Data, error) {
	list, err := ReadList(raw)
	if err != nil {
		return nil, err
	}
	values := make([]sio.Data, len(list))
	for i, member := range list {
		if err := values[i].UnmarshalJSON(member); err != nil {
			return nil, ErrorAt(fmt.Sprint(i), err)
		}
	}
	return values, nil
}

// readDataMap reads an object of values.
func readDataMap(raw []byte) (map[string]sio.Data, error) {
	members, err := ReadObject(raw)
	if err != nil {
		return nil, err
	}
	values := make(map[string]sio.Data, len(members))
	for _, m := range members {
		var value sio.Data
		if err := value.UnmarshalJSON(m.Value); err != nil {
			return nil, ErrorAt(m.Key, err)
		}
		values[m.Key] = value
	}
	return values, nil
}

// ReadFields reads the members of an object into their variables, and returns the unknown
// keys, sorted.
func ReadFields(raw []byte, fields Fields) (unknown []string, err error) {
	members, err := ReadObject(raw)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		into, known := fields[m.Key]
		if !known {
			unknown = append(unknown, m.Key)
			continue
		}
		if err := Read(m.Value, into); err != nil {
			return nil, ErrorAt(m.Key, err)
		}
	}
	slices.Sort(unknown)
	return unknown, nil
}

// Names are names of rooms, in a struct that encoding/json decodes.
type Names []string

// NamesType is the type of [Names]. In an error of encoding/json it marks an error of
// Names: its Value is the text of an [*Error] then.
var NamesType = reflect.TypeFor[Names]()

// UnmarshalJSON reads a list of names. The error is a [*json.UnmarshalTypeError], because
// encoding/json adds the path of the field to such an error.
func (n *Names) UnmarshalJSON(raw []byte) error {
	names, err := ReadRooms(raw)
	if err == nil {
		*n = names
		return nil
	}
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	if e.Path == "" {
		return json.Unmarshal(raw, new([]string)) // its error names the kind of the value
	}
	text := (&Error{Value: e.Value, Want: e.Want}).Error()
	return &json.UnmarshalTypeError{Value: text, Type: NamesType, Field: e.Path}
}
