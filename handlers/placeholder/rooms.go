package placeholder

import (
	"fmt"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Rooms are names of rooms with placeholders. One that is a single placeholder for
// a list stands for each member of the list.
type Rooms []Text

// NewRooms compiles names of rooms.
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

// For returns the rooms that are meant in an event. A longer name in which a
// placeholder has no value means no room: "user:{jwt.sub}" is not one that all
// share who have no token. A single placeholder stands for a string, a number, or a list
// of those. An empty name, that of a placeholder without a value for instance, and any
// other value is an error that wraps [hub.ErrRoom].
func (r Rooms) For(ev *hub.Event) ([]string, error) {
	names := make([]string, 0, len(r))
	for _, t := range r {
		key, whole := t.whole()
		if whole {
			value, ok := Lookup(ev, key)
			if !ok {
				return nil, fmt.Errorf("%w: {%s} has no value", hub.ErrRoom, key)
			}
			var err error
			if names, err = appendRooms(names, value); err != nil {
				return nil, fmt.Errorf("%w: {%s}: %w", hub.ErrRoom, key, err)
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
	if slices.Contains(names, "") {
		return nil, fmt.Errorf("%w: it is empty", hub.ErrRoom)
	}
	return names, nil
}

// appendRooms appends the names that a value stands for: its own or, of a list, those of
// its members. That of null is empty.
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

// Keys returns the placeholders of all names.
func (r Rooms) Keys() (Keys []string) {
	for _, t := range r {
		Keys = append(Keys, t.Keys()...)
	}
	return Keys
}
