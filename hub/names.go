package hub

import (
	"fmt"
	"unicode/utf8"
)

// CheckEvent refuses names that can't be emitted: official clients close the
// connection on them, or take them for events of their own. The error wraps
// [ErrEvent].
func CheckEvent(name string) error {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return fmt.Errorf("%w: %q", ErrEvent, name)
	}
	return nil
}

// CheckRooms refuses names that no room may have. The error wraps [ErrRoom].
func CheckRooms(rooms []string) error {
	for _, room := range rooms {
		if room == "" {
			return fmt.Errorf("%w: it is empty", ErrRoom)
		}
		if len(room) > MaxRoomName {
			return fmt.Errorf("%w: %d bytes, the limit is %d", ErrRoom, len(room), MaxRoomName)
		}
		if !utf8.ValidString(room) {
			return fmt.Errorf("%w: it is not UTF-8", ErrRoom)
		}
	}
	return nil
}
