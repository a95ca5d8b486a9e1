package placeholder

import (
	"fmt"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Rooms are names of rooms with placeholders. A name that is a single placeholder for a
// list stands for each member of the list.
type Rooms []Text

// NewRooms compiles names of rooms. The error names the index of the wrong one: empty,
// or with an unknown placeholder.
func NewRooms(names []string) (Rooms, error) {
	list := make(Rooms, len(names))
	for i, name := range names {
		t, err := NewText(name)
		if err != nil {
			return nil, fmt.Errorf("room %d: %w", i, err)
		}
		if s, static := t.Literal(); static && s == "" {
			return nil, fmt.Errorf("room %d: the name is empty", i)
		}
		list[i] = t
	}
	return list, nil
}

// For returns the names of rooms for an event. A longer name with a placeholder that
// has no value is left out: "user:{jwt.sub}" must not become one room of all clients
// without a token.
//
// A name that is a single placeholder must have a value: a string, a number, or a list
// of them. Any other value, none, and an empty name are errors that wrap [hub.ErrRoom].
func (r Rooms) For(ev *hub.Event) ([]string, error) {
	names, err := r.evaluate(ev, false)
	if err == nil && slices.Contains(names, "") {
		return nil, fmt.Errorf("%w: it is empty", hub.ErrRoom)
	}
	return names, err
}

// NonEmpty is [Rooms.For] for rooms that a socket leaves: it leaves out empty names, and
// placeholders without a value.
func (r Rooms) NonEmpty(ev *hub.Event) ([]string, error) {
	names, err := r.evaluate(ev, true)
	return slices.DeleteFunc(names, func(name string) bool { return name == "" }), err
}

// evaluate returns the names for an event, empty ones too. With skipMissing, a single
// placeholder without a value is no error.
func (r Rooms) evaluate(ev *hub.Event, skipMissing bool) ([]string, error) {
	names := make([]string, 0, len(r))
	for _, t := range r {
		if k := t.singleKey(); k != nil {
			value, ok := k.lookUp(ev)
			if !ok {
				if skipMissing {
					continue
				}
				return nil, fmt.Errorf("%w: {%s} has no value", hub.ErrRoom, k.name)
			}
			var err error
			if names, err = appendRooms(names, value); err != nil {
				return nil, fmt.Errorf("%w: {%s}: %w", hub.ErrRoom, k.name, err)
			}
			continue
		}
		name, complete, err := t.Name(ev)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", hub.ErrRoom, err)
		}
		if complete {
			names = append(names, name)
		}
	}
	return names, nil
}

// appendRooms appends the names in a value: a name, or the members of a list. Null is
// the empty name.
func appendRooms(names []string, value sio.Data) ([]string, error) {
	if name, ok := value.Name(); ok || string(value.JSON) == "null" {
		return append(names, name), nil
	}
	if len(value.JSON) > 0 && (value.JSON[0] == '[' || value.JSON[0] == '{') {
		list, err := lenient.ReadRooms(value.JSON)
		return append(names, list...), err
	}
	_, err := lenient.ReadRoom(value.JSON)
	return names, err
}

// Keys returns the placeholders of all names, see [Text.Keys].
func (r Rooms) Keys() (keys []string) {
	for _, t := range r {
		keys = append(keys, t.Keys()...)
	}
	return keys
}

// ReadsCounts reports whether a name depends on the number of sockets in a room or in the
// namespace.
func (r Rooms) ReadsCounts() bool { return slices.ContainsFunc(r, Text.ReadsCounts) }
