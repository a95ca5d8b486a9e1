package handlers

import (
	"fmt"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/hub"
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
		if s, static := t.static(); static && s == "" {
			return nil, fmt.Errorf("room %d: the name is empty", i)
		}
		list[i] = t
	}
	return list, nil
}

// For returns the rooms that are meant in an event. A longer name in which a
// placeholder has no value means no room: "user:{jwt.sub}" is not one that all
// share who have no token. An empty name, that of a placeholder without a value for
// instance, is an error that wraps [hub.ErrRoom].
func (r Rooms) For(ev *hub.Event) ([]string, error) {
	names := make([]string, 0, len(r))
	for _, t := range r {
		key, whole := t.whole()
		if !whole {
			if name, complete := t.complete(ev); complete {
				names = append(names, name)
			}
			continue
		}
		value, ok := Lookup(ev, key)
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: {%s} has no value", hub.ErrRoom, key)
		case len(value.JSON) > 0 && value.JSON[0] == '[':
			for member := range value.Elements() {
				names = append(names, member.Text())
			}
		default:
			names = append(names, value.Text())
		}
	}
	if slices.Contains(names, "") {
		return nil, fmt.Errorf("%w: it is empty", hub.ErrRoom)
	}
	return names, nil
}
